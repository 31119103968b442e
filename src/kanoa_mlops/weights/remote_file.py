"""The start of a file on a server, read forward; a cut is mended, and no more is fetched than is read."""

from __future__ import annotations

import time
from contextlib import ExitStack
from http.client import HTTPException
from typing import NoReturn, Self

from kanoa_mlops.errors import SourceFailed, UnknownModel
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.refused import REFUSALS, Refused
from kanoa_mlops.weights.web import PASSING, Answer, Web, explain

_SKIP = 2**18
_MOST_TROUBLES = 8
"""What is read here is small; a server that gives a few bytes and breaks off is not worth more."""


class RemoteFile:
    """A stream for readers that only go forward. Use it in a `with` block."""

    def __init__(self, web: Web, address: Address, source: str, refused: Refused) -> None:
        """
        Args:
            source: who is asked, for messages: 'Hugging Face org/repo'.
        """
        self._web, self._address = web, address
        self._source, self._refused = source, refused
        self._answer: Answer | None = None
        self._open = ExitStack()
        self._at = 0
        self._total: int | None = None
        self._failures = 0
        """Since the last byte."""
        self._troubles = 0
        """Since the first."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._drop()

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, fewer only if they are slow to come; none at the end.

        Raises:
            SourceFailed: the server refuses, or stays away after several tries.
            AccessRefused: it refuses this person.
            UnknownModel: it has no such file.
        """
        while self._total is None or self._at < self._total:
            trouble = self._begin() if self._answer is None else ""
            if not trouble and self._answer is not None:
                data, trouble = self._receive(self._answer, size)
                if data:
                    self._at += len(data)
                    self._failures = 0
                    return data
            if self._total is None and not trouble:
                return b""  # the end of a file whose length was not told
            if trouble:
                self._give_up_or_wait(trouble)
        return b""

    def read_exactly(self, size: int) -> bytes:
        """So many bytes; fewer only at the end.

        Raises:
            SourceFailed, AccessRefused, UnknownModel: as for `read`.
        """
        parts: list[bytes] = []
        while size > 0 and (data := self.read(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def read_whole(self, limit: int) -> bytes:
        """All of it.

        Raises:
            SourceFailed: as for `read`, or it is larger than `limit` bytes.
        """
        body = self.read_exactly(limit + 1)
        if len(body) > limit:
            raise self._failed(f"gives more than {limit} bytes where a small file should be")
        return body

    def _begin(self) -> str:
        """Ask from where we are. The trouble in words, or ''."""
        try:
            answer = self._open.enter_context(self._web.open(self._address, offset=self._at))
        except SourceFailed as error:
            if self._at == 0:
                raise self._failed(error.message, hint=error.hint) from error
            return error.message
        if answer.status in PASSING:
            self._open.close()
            return f"answered HTTP {answer.status}"
        if answer.status not in (200, 206):
            self._open.close()
            self._refuse(answer)
        start, self._total = answer.offered()
        self._answer = answer
        return "" if start == self._at else self._skip_to(self._at, start)

    def _skip_to(self, wanted: int, start: int) -> str:
        """A server that knows no ranges begins anew; what is here already is passed over."""
        answer = self._answer
        if answer is None or start > wanted:
            self._drop()
            return "went on at another byte than we asked for"
        while start < wanted:
            data, trouble = self._receive(answer, min(wanted - start, _SKIP))
            if not data:
                return trouble or "was cut"
            start += len(data)
        return ""

    def _receive(self, answer: Answer, size: int) -> tuple[bytes, str]:
        """What comes, or why nothing does."""
        try:
            data = answer.stream.read1(size if size >= 0 else _SKIP)
        except (OSError, HTTPException) as error:
            self._drop()
            return b"", f"was cut ({explain(error)})"
        if not data:
            self._drop()
            return b"", "" if self._total is None else "was cut"
        return data, ""

    def _drop(self) -> None:
        self._open.close()
        self._answer = None

    def _give_up_or_wait(self, trouble: str) -> None:
        self._failures += 1
        self._troubles += 1
        if self._failures >= self._web.patience.tries:
            raise self._failed(f"{trouble}, {self._failures} times in a row")
        if self._troubles >= _MOST_TROUBLES:
            raise self._failed(f"{trouble}; it gave {self._at} bytes in {self._troubles} tries")
        time.sleep(self._web.patience.pause_seconds * 2 ** (self._failures - 1))

    def _refuse(self, answer: Answer) -> NoReturn:
        if answer.status in REFUSALS:
            error = self._refused(answer)
            raise self._failed(error.message, error.hint) if isinstance(error, SourceFailed) else error
        if answer.status in (404, 410):
            raise UnknownModel(
                f"{self._source} does not exist there (HTTP {answer.status}).",
                hint="Check the spelling; capitals count.",
            )
        raise self._failed(f"answered HTTP {answer.status}")

    def _failed(self, what: str, hint: str = "") -> SourceFailed:
        return SourceFailed(f"{self._source} {what}.", hint=hint)
