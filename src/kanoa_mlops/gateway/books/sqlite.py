"""The books in SQLite; all its SQL but the tables themselves."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from itertools import groupby
from pathlib import Path
from typing import Any

from kanoa_mlops.gateway.books.budget import Cap, Payer, first_day, refuse
from kanoa_mlops.gateway.books.database import open_database, told, transaction
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import FORGOTTEN_AFTER, LAPSES_AFTER, Reservation
from kanoa_mlops.gateway.books.rows import (
    ENTRY_COLUMNS,
    KEY_COLUMNS,
    key_of,
    name_taken,
    row_of_entry,
    row_of_key,
    unknown_key,
)
from kanoa_mlops.gateway.books.schema import MIGRATIONS
from kanoa_mlops.gateway.books.spending import Booked, Spent
from kanoa_mlops.gateway.books.state import Change, State, dumped, loaded
from kanoa_mlops.gateway.books.totals import Dimension, Total

_ADD_KEY = f"INSERT INTO keys ({KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEYS = f"SELECT {KEY_COLUMNS} FROM keys ORDER BY created, id"
_REVOKE_KEY = "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?"

_WRITE = (
    f"INSERT INTO entries ({ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (request) DO NOTHING"
)
_PAY = (
    "INSERT INTO spending (day, key, backend, micro) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (day, key, backend) DO UPDATE SET micro = micro + excluded.micro"
)
_RESERVE = "INSERT INTO reservations (id, made, key, backend, micro, day) VALUES (?, ?, ?, ?, ?, ?)"
_GIVE_BACK = "DELETE FROM reservations WHERE id = ?"
_FORGET = "DELETE FROM reservations WHERE made <= ?"
_COMMITTED = (
    "SELECT coalesce(sum(micro), 0) FROM ("
    "SELECT day, key, backend, micro FROM spending UNION ALL "
    "SELECT day, key, backend, micro FROM reservations WHERE made > :lapsed) "
    "WHERE day >= :day AND (:key IS NULL OR key = :key) AND (:backend IS NULL OR backend = :backend)"
)
_SPENT = "SELECT day, key, backend, micro FROM spending WHERE day >= ?"
_OPEN = "SELECT id, made, key, backend, micro FROM reservations WHERE made > ?"
_TOTALS = (
    "SELECT {columns}, count(*), sum(status >= 400), sum(prompt_tokens), sum(completion_tokens), "
    "sum(estimated), sum(micro) FROM entries WHERE at >= ? AND at < ? GROUP BY {columns} ORDER BY {columns}"
)
_COLUMNS = {
    Dimension.DAY: "date(at, 'unixepoch')",
    Dimension.MODEL: "model",
    Dimension.KEY: "key",
    Dimension.TIER: "tier",
    Dimension.BACKEND: "backend",
}
_KEPT = "SELECT value FROM states WHERE name = ?"
_KEEP = "INSERT INTO states VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class SqliteStore:
    """A `Store`. One thread at a time may use it."""

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        """
        Args:
            patience: seconds to wait for another process that is writing.

        Raises:
            BooksUnusable: no right to write it, damaged, or written by a newer version.
            BooksBusy: another process held it for longer.
            DiskFull: there is no room for it.
        """
        self._path = path
        self._connection = open_database(path, MIGRATIONS, patience=patience)
        self._version = self._data_version()

    def close(self) -> None:
        self._connection.close()

    def add_key(self, key: Key) -> None:
        try:
            with self._writing():
                self._connection.execute(_ADD_KEY, row_of_key(key))
        except sqlite3.IntegrityError as error:
            raise name_taken(key.name) from error

    def revoke_key(self, key: str, now: float) -> None:
        with self._writing():
            if not self._connection.execute(_REVOKE_KEY, (now, key)).rowcount:
                raise unknown_key(key)

    def all_keys(self) -> Sequence[Key]:
        return [key_of(row) for row in self._rows(_KEYS)]

    def write(self, items: Sequence[Entry | Reservation]) -> None:
        with self._writing():
            for cost_nothing, several in groupby(items, _costs_nothing):
                if cost_nothing:
                    # One call, since each lets other threads in, and takes its time to come back.
                    rows = [row_of_entry(each) for each in several if isinstance(each, Entry)]
                    self._connection.executemany(_WRITE, rows)
                else:
                    for item in several:
                        self._write(item)

    def reserve(self, reservation: Reservation, caps: Sequence[Cap]) -> Refusal | None:
        now = reservation.made
        with self._writing():
            self._connection.execute(_FORGET, (now - FORGOTTEN_AFTER,))
            refusal = refuse(caps, lambda cap: self._committed(cap, reservation), reservation.micro, now)
            if refusal is None:
                self._connection.execute(_RESERVE, astuple(reservation))
        return refusal

    def booked(self, day: str, now: float) -> Booked:
        # What others have settled meanwhile counts twice until the next look, rather than not at all.
        reservations = self._rows(_OPEN, (now - LAPSES_AFTER,))
        spent = self._rows(_SPENT, (day,))
        return Booked([Spent(*row) for row in spent], [Reservation(*row) for row in reservations])

    def totals(self, by: Sequence[Dimension], since: float, until: float) -> Sequence[Total]:
        sql = _TOTALS.format(columns=", ".join(_COLUMNS[each] for each in by))
        rows = self._rows(sql, (since, until))
        return [Total(row[: len(by)], *row[len(by) :]) for row in rows]

    def load(self, name: str) -> State:
        return next((loaded(value) for (value,) in self._rows(_KEPT, (name,))), {})

    def update(self, changes: Mapping[str, Change]) -> None:
        with self._unhurried(), self._writing():
            for name, change in changes.items():
                kept = change(self.load(name), time.time())
                self._connection.execute(_KEEP, (name, dumped(kept)))

    def changed(self) -> bool:
        before, self._version = self._version, self._data_version()
        return before != self._version

    def _write(self, item: Entry | Reservation) -> None:
        reservation = item if isinstance(item, Reservation) else item.reservation
        if reservation:
            self._connection.execute(_GIVE_BACK, (reservation.id,))
        if isinstance(item, Entry):
            is_new = self._connection.execute(_WRITE, row_of_entry(item)).rowcount
            if is_new and item.micro:
                self._connection.execute(_PAY, (item.day, item.key, item.backend, item.micro))

    def _committed(self, cap: Cap, reservation: Reservation) -> int:
        values = {
            "day": first_day(cap.period, reservation.made),
            "key": reservation.key if cap.payer is Payer.KEY else None,
            "backend": reservation.backend if cap.payer is Payer.BACKEND else None,
            "lapsed": reservation.made - LAPSES_AFTER,
        }
        ((micro,),) = self._connection.execute(_COMMITTED, values)
        return int(micro)

    def _data_version(self) -> int:
        """Another number after each change by another connection; never by this one's own."""
        ((version,),) = self._rows("PRAGMA data_version")
        return int(version)

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with told(self._path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """What is forgotten in a power cut need not wait for the disk."""
        with told(self._path):
            self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with told(self._path), transaction(self._connection):
            yield


def _costs_nothing(item: Entry | Reservation) -> bool:
    return isinstance(item, Entry) and not item.is_money
