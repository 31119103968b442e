"""Files read in a process of their own: one that breaks its reader, or never ends, breaks nothing else."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Protocol

from kanoa_mlops.errors import KanoaError, UnreadableDocument
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.types import Document

_READING_SECONDS = 600.0
_MOST_MEMORY = 4 * 2**30
"""Bytes of address space; a page of a scan takes some tens of MB, what reads its text about 1 GB."""
_LOOK_SECONDS = 1.0


class ReadFile(Protocol):
    """Reads and cuts one file. A function of a module, as it is sent to another process."""

    def __call__(self, path: Path, *, source: str, title: str, cut: Cut | None) -> Document:
        """
        Args:
            source: what the document is known by from now on.
            title: the file's own name, that of `path` being made up but for its ending.

        Raises:
            UnreadableDocument: its text cannot be had, and why.
            MissingExtra: a package is wanted for its kind.
        """
        ...


class NotWanted(Exception):
    """What was under way is given up."""


class Reading:
    """One process at a time; for one thread."""

    def __init__(
        self, read: ReadFile, *, seconds: float = _READING_SECONDS, most_memory: int = _MOST_MEMORY
    ) -> None:
        """`seconds` and `most_memory` (bytes) are for one file."""
        self._read = read
        self._seconds = seconds
        self._most_memory = most_memory
        self._process: SpawnProcess | None = None
        self._pipe: Connection

    def read(
        self, path: Path, *, source: str, title: str, cut: Cut | None, goes_on: Callable[[], bool]
    ) -> Document:
        """
        Args:
            goes_on: is asked now and then; once it says no, the reading ends.

        Raises:
            UnreadableDocument: its text cannot be had, and why.
            NotWanted: the reading was ended.
        """
        pipe = self._running()
        try:
            pipe.send((path, source, title, cut))
            waited = 0.0
            while not pipe.poll(_LOOK_SECONDS):
                waited += _LOOK_SECONDS
                if not goes_on():
                    self.close()
                    raise NotWanted
                if waited >= self._seconds:
                    self.close()
                    raise UnreadableDocument(f"It was not read within {self._seconds:g} s.")
            outcome = pipe.recv()
        except (EOFError, OSError) as error:
            raise UnreadableDocument(f"Reading it ended its reader ({self._how_it_ended()}).") from error
        if isinstance(outcome, KanoaError):
            raise outcome
        assert isinstance(outcome, Document)
        return outcome

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _running(self) -> Connection:
        if self._process is None or not self._process.is_alive():
            self.close()
            # Not forked: this process has threads, and locks that they hold.
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(self._read, theirs, self._most_memory), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def _how_it_ended(self) -> str:
        process = self._process
        if process is None:
            return "it was not running"
        process.join(_LOOK_SECONDS)
        code = process.exitcode
        self.close()
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"


def _serve(read: ReadFile, pipe: Connection, most_memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; whoever began this ends it
    _bound_memory(most_memory)
    while True:
        try:
            path, source, title, cut = pipe.recv()
        except EOFError:
            return  # nobody is left to read for
        outcome: Document | KanoaError
        try:
            outcome = read(path, source=source, title=title, cut=cut)
        except KanoaError as error:
            outcome = type(error)(error.message, hint=error.hint)
        except MemoryError:
            outcome = UnreadableDocument(f"Reading it takes more than {most_memory // 2**30} GiB of memory.")
        except Exception as error:  # of a library that met a file its makers did not think of
            outcome = UnreadableDocument(f"It cannot be read: {type(error).__name__}.")
        pipe.send(outcome)


def _bound_memory(most: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit is not kept to, or is of something else
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))
