"""A log that is written in batches: a busy server has thousands of lines a second."""

from __future__ import annotations

import logging
import threading
import time
from typing import TextIO

_EVERY_SECONDS = 0.2


class LazyLog(logging.StreamHandler[TextIO]):
    """Lines reach the file within a fifth of a second; what is wrong, and all before it, at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._dirty = False
        self._closed = threading.Event()
        self._flusher = threading.Thread(target=self._flush_often, name="log", daemon=True)
        self._flusher.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.stream.write(self.format(record) + self.terminator)
            self._dirty = True
            if record.levelno >= logging.WARNING:
                self.flush()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._dirty = False
        super().flush()

    def close(self) -> None:
        self._closed.set()
        self.flush()
        super().close()

    def _flush_often(self) -> None:
        while not self._closed.wait(_EVERY_SECONDS):
            if self._dirty:
                self.flush()


def keep_records_short() -> None:
    """Where a line came from is in none of ours, and finding it out takes a third of writing one.

    https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class Stamped(logging.Formatter):
    """`2026-11-28 09:40:26,123 LEVEL words`, as Python's own does it in three times the time."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._second, self._stamp = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info:
            return super().format(record)
        second = int(record.created)
        if second != self._second:  # many lines share one
            self._second, self._stamp = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._stamp},{int(record.msecs):03d} {record.levelname} {record.getMessage()}"
