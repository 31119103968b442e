"""Where a ledger is written: a file of one machine, or a database of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Done(Protocol):
    """A statement that was executed."""

    @property
    def rowcount(self) -> int: ...

    def fetchall(self) -> Sequence[tuple[Any, ...]]: ...


class Execute(Protocol):
    def __call__(self, sql: str, values: Mapping[str, object]) -> Done: ...


class LedgerPlace(Protocol):
    """SQL that SQLite and Postgres both read; values by name, as in `:file`. `:now` is the place's own time,
    in seconds since 1970: several machines have several.
    """

    def rows(self, sql: str, **values: object) -> Sequence[tuple[Any, ...]]: ...

    def writing(self) -> AbstractContextManager[Execute]:
        """All or nothing. What was read in it may have changed by others when it writes."""
        ...

    def forgotten(self) -> None:
        """What was deleted is not to be read from a disk."""
        ...

    def close(self) -> None: ...
