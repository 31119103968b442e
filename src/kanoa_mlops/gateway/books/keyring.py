"""The keys there are, in memory, where a request meets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kanoa_mlops.gateway.books.key import Key, Standing, id_of


class Keyring:
    """Replaced as a whole when the database changed, so that whoever reads needs no lock."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: Mapping[str, Key] = {}
        self.replace(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def replace(self, keys: Iterable[Key]) -> None:
        self._keys = {key.id: key for key in keys}

    def find(self, text: str) -> Key | None:
        """The key whose text this is, whatever its standing; None where there is none."""
        key = self._keys.get(id_of(text) or "")
        return key if key is not None and key.opens(text) else None

    def any_good(self, now: float) -> bool:
        """Whether anybody could get in."""
        return any(key.standing(now) is Standing.GOOD for key in self._keys.values())
