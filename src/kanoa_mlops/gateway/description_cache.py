"""Descriptions of figures, remembered in memory so that a further question does not pay for them again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

_OVERHEAD = 300  # bytes of an entry besides its text: the key, two objects, the table


class DescriptionCache:
    """The texts used last, by the image's bytes and the model that described it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._texts: OrderedDict[tuple[bytes, str], str] = OrderedDict()
        self.bytes = 0

    def find(self, image: bytes, model: str) -> str | None:
        key = _key(image, model)
        if key in self._texts:
            self._texts.move_to_end(key)
        return self._texts.get(key)

    def remember(self, image: bytes, model: str, text: str) -> None:
        """Forgets those not used for longest, as far as the room needs it."""
        key = _key(image, model)
        if key in self._texts:
            self.bytes -= _size(self._texts.pop(key))
        self._texts[key] = text
        self.bytes += _size(text)
        while self.bytes > self._max_bytes:
            _, forgotten = self._texts.popitem(last=False)
            self.bytes -= _size(forgotten)


def _key(image: bytes, model: str) -> tuple[bytes, str]:
    return hashlib.sha256(image).digest(), model


def _size(text: str) -> int:
    # A string has one, two or four bytes a character; four is the bound.
    return 4 * len(text) + _OVERHEAD
