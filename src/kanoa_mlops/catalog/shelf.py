"""Entries of one kind, each read from its file when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

_Entry = TypeVar("_Entry")


class Shelf(Mapping[str, _Entry]):
    """By id, in alphabetical order. Which ids there are is known without reading any."""

    def __init__(self, paths: Mapping[str, Path], read: Callable[[Path], _Entry]) -> None:
        self._paths = dict(sorted(paths.items()))
        self._read = read
        self._entries: dict[str, _Entry] = {}

    def __getitem__(self, name: str) -> _Entry:
        """
        Raises:
            KeyError: there is none of this id.
            CatalogError: its file is wrong; names file and field.
        """
        if name not in self._entries:
            self._entries[name] = self._read(self._paths[name])
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
