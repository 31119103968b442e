"""A process that reads files for this one, within limits."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from kanoa_mlops.errors import MissingExtra, UnknownFormat, UnreadableDocument
from kanoa_mlops.grounding.ingest.frames import SIZES, packed, unpacked
from kanoa_mlops.grounding.ingest.limits import MIB, Limits

_LOOK = 0.05  # seconds between two looks at its memory
_CLOCK = 4  # times the seconds of the processor
_PIECE = 1 << 20
_ANSWER = 8  # times the text: headings and JSON come on top


class ReadingProcess:
    """For one thread at a time. Who passes a limit is ended, and the next job gets a new one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def answers(self, job: Mapping[str, Any], body: bytes = b"") -> Iterator[tuple[dict[str, Any], bytes]]:
        """As they come; the time allowed is that of each.

        Raises:
            UnreadableDocument: it says why not, died, or took more than it may.
            MissingExtra: what reads this is not installed.
        """
        process = self._ready()
        terms = {
            "seconds": self._limits.seconds,
            "memory": self._limits.memory_bytes,
            "file_bytes": self._limits.file_bytes,
            "text_bytes": self._limits.text_bytes,
        }
        talk = _Talk(process, self._limits)
        sound = False
        try:
            talk.send(packed({**job, **terms}, body))
            while True:
                answer, content = talk.receive()
                if "why" in answer:
                    sound = "spent" not in answer
                    raise _refusal(answer)
                last = job["do"] != "render" or "end" in answer
                sound = last
                if "end" not in answer:
                    yield answer, content
                if last:
                    return
        finally:
            talk.close()
            if not sound:
                self.close()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
            process.wait()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "kanoa_mlops.grounding.ingest.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
            assert self._process.stdin and self._process.stdout
            os.set_blocking(self._process.stdin.fileno(), False)
            os.set_blocking(self._process.stdout.fileno(), False)
        return self._process


class _Talk:
    """One job's bytes, to and fro, with an eye on time and memory."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        assert process.stdin and process.stdout
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._process, self._limits = process, limits
        self._selector = selectors.DefaultSelector()
        self._watched = psutil.Process(process.pid)
        self._restart()

    def close(self) -> None:
        self._selector.close()

    def send(self, message: bytes) -> None:
        left = memoryview(message)
        self._selector.register(self._in, selectors.EVENT_WRITE)
        while left:
            self._wait()
            try:
                left = left[os.write(self._in, left[:_PIECE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._died() from None
        self._selector.unregister(self._in)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        if self._out not in self._selector.get_map():
            self._selector.register(self._out, selectors.EVENT_READ)
        answer = unpacked(self._exactly)
        self._restart()
        return answer

    def _restart(self) -> None:
        self._end = time.monotonic() + _CLOCK * self._limits.seconds
        self._before: float | None = None

    def _exactly(self, count: int) -> bytes:
        if count > _ANSWER * self._limits.text_bytes + SIZES.size + 16 * MIB:
            raise UnreadableDocument("It made more text than is allowed.")
        parts: list[bytes] = []
        while count:
            self._wait()
            try:
                part = os.read(self._out, min(count, _PIECE))
            except BlockingIOError:
                continue
            if not part:
                raise self._died()
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self) -> None:
        """Until the pipe is ready."""
        while not self._selector.select(_LOOK):
            used, memory = self._used()
            if used > self._limits.seconds or time.monotonic() > self._end:
                raise UnreadableDocument(f"It was not read within {self._limits.seconds:g} s.")
            if memory > self._limits.memory_bytes:
                raise UnreadableDocument(
                    f"It needs more than {self._limits.memory_bytes // MIB} MiB of memory."
                )

    def _used(self) -> tuple[float, int]:
        """Seconds of the processor since the last answer, and bytes of memory now."""
        try:
            with self._watched.oneshot():
                spent = self._spent()
                self._before = spent if self._before is None else self._before
                return spent - self._before, int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0.0, 0

    def _spent(self) -> float:
        times = self._watched.cpu_times()
        return float(times.user + times.system)

    def _died(self) -> UnreadableDocument:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return UnreadableDocument(f"What reads it died of it ({how}).", hint="Is it damaged?")


def _refusal(answer: Mapping[str, Any]) -> UnreadableDocument | MissingExtra:
    if answer.get("io"):
        return Unopened(str(answer["why"]))
    why, hint = str(answer["why"]), str(answer["hint"])
    if answer.get("kind") == "MissingExtra":
        return MissingExtra(why, hint=hint)
    kind = UnknownFormat if answer.get("kind") == "UnknownFormat" else UnreadableDocument
    return kind(why, hint=hint)


class Unopened(UnreadableDocument):
    """The file could not be opened now: nothing is known of what is in it."""
