"""Bodies that come compressed, taken apart piece by piece so that a small one cannot become a huge one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 256 * 1024
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class BadEncoding(Exception):
    """It is not encoded as it says, or in a way that is not known."""


class Decoder:
    """
    Raises:
        BadEncoding: on being made, for an encoding that is not known.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", *_WINDOWS):
            raise BadEncoding(f"the encoding {name!r} is not taken; known are {', '.join(_WINDOWS)}")
        self._name = name
        self._inflate = zlib.decompressobj(_WINDOWS[name]) if name in _WINDOWS else None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """
        Raises:
            BadEncoding: it is not what it says.
        """
        if self._inflate is None:
            yield chunk
            return
        try:
            while chunk:
                if self._inflate.eof:  # zlib would keep whatever follows
                    raise BadEncoding(f"something follows the end of its {self._name}")
                yield self._inflate.decompress(chunk, _PIECE)
                chunk = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise BadEncoding(f"it is not {self._name}") from error

    def finish(self) -> None:
        """
        Raises:
            BadEncoding: its end is missing.
        """
        if self._inflate is not None and not self._inflate.eof:
            raise BadEncoding(f"its {self._name} ends too early")
