"""The books in Postgres, for gateways on several machines; all its SQL but the tables themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any

import psycopg

from kanoa_mlops.gateway.books.budget import Cap, Payer, first_day, refuse
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.link import Address, Link
from kanoa_mlops.gateway.books.postgres_schema import migrate
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
from kanoa_mlops.gateway.books.spending import Booked, Spent
from kanoa_mlops.gateway.books.state import Change, State, dumped, loaded
from kanoa_mlops.gateway.books.totals import Dimension, Total
from kanoa_mlops.postgres import Connection, Row

# Held until the end of the transaction: others who write wait here, and see what was written.
_PEN = "UPDATE books SET changes = changes + 1 RETURNING changes"
_CHANGES = "SELECT changes FROM books"

_ADD_KEY = f"INSERT INTO keys ({KEY_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_KEYS = f"SELECT {KEY_COLUMNS} FROM keys ORDER BY created, id"
_REVOKE_KEY = "UPDATE keys SET revoked = coalesce(revoked, %s) WHERE id = %s"

_WRITE = (
    f"WITH written AS (INSERT INTO entries ({ENTRY_COLUMNS}) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
    "ON CONFLICT (request) DO NOTHING RETURNING key, backend, micro) "
    "INSERT INTO spending (day, key, backend, micro) "
    "SELECT %s, key, backend, micro FROM written WHERE micro <> 0 "
    "ON CONFLICT (day, key, backend) DO UPDATE SET micro = spending.micro + excluded.micro"
)
_RESERVE = "INSERT INTO reservations (id, made, key, backend, micro, day) VALUES (%s, %s, %s, %s, %s, %s)"
_GIVE_BACK = "DELETE FROM reservations WHERE id = ANY(%s)"
_FORGET = "DELETE FROM reservations WHERE made <= %s"
_COMMITTED = (
    "SELECT coalesce(sum(micro), 0)::bigint FROM ("
    "SELECT day, key, backend, micro FROM spending UNION ALL "
    "SELECT day, key, backend, micro FROM reservations WHERE made > %(lapsed)s) AS committed "
    "WHERE day >= %(day)s AND (%(key)s::text IS NULL OR key = %(key)s) "
    "AND (%(backend)s::text IS NULL OR backend = %(backend)s)"
)
_SPENT = "SELECT day, key, backend, micro FROM spending WHERE day >= %s"
_OPEN = "SELECT id, made, key, backend, micro FROM reservations WHERE made > %s"
_TOTALS = (
    "SELECT {columns}, count(*), count(*) FILTER (WHERE status >= 400), sum(prompt_tokens)::bigint, "
    "sum(completion_tokens)::bigint, count(*) FILTER (WHERE estimated), sum(micro)::bigint "
    "FROM entries WHERE at >= %s AND at < %s GROUP BY {groups} ORDER BY {groups}"
)
_COLUMNS = {
    Dimension.DAY: """to_char(to_timestamp(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') COLLATE "C" """,
    Dimension.MODEL: "model",
    Dimension.KEY: "key",
    Dimension.TIER: "tier",
    Dimension.BACKEND: "backend",
}

_KEPT = "SELECT value FROM states WHERE name = %s"
# In the order of their names, so that two never wait for one another.
_NAME = (
    "INSERT INTO states SELECT name, '{}' FROM unnest(%s::text[]) AS name ORDER BY 1 ON CONFLICT DO NOTHING"
)
# What is forgotten in a power cut need not wait for the disk. The clock is looked at once all are held.
_HOLD = (
    "WITH held AS MATERIALIZED "
    "(SELECT name, value FROM states WHERE name = ANY(%s) ORDER BY name FOR UPDATE) "
    "SELECT name, value, extract(epoch FROM clock_timestamp())::float8, "
    "set_config('synchronous_commit', 'off', true) FROM held"
)
_KEEP = (
    "UPDATE states SET value = new.value FROM unnest(%s::text[], %s::text[]) AS new (name, value) "
    "WHERE states.name = new.name"
)


class PostgresStore:
    """A `Store`. One thread at a time may use it.

    What may be set aside depends on all that was before, so keys and money are written one after another,
    over all gateways: the row of `books` is the pen. Each holds it for two answers of the network and one
    write to the disk, and there is a counter on it, by which others see that something changed. NOTIFY would
    also tell them, but holds a lock of its own on every commit, and tells nothing to who was cut off
    meanwhile.
    """

    def __init__(self, address: Address, *, patience: float = 5.0) -> None:
        """
        Args:
            patience: seconds to wait for others that are writing.

        Raises:
            SettingsError: no address.
            BooksUnusable: no right to write it, damaged, or written by a newer version.
            BooksBusy: it is not reached, or others held it for longer.
            DiskFull: there is no room for it.
        """
        self._link = Link(address, patience=patience)
        try:
            migrate(self._link)
            self._seen = self._changes()
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        self._link.close()

    def add_key(self, key: Key) -> None:
        try:
            with self._writing() as connection:
                connection.execute(_ADD_KEY, row_of_key(key))
        except psycopg.errors.UniqueViolation as error:
            raise name_taken(key.name) from error

    def revoke_key(self, key: str, now: float) -> None:
        with self._writing() as connection:
            revoked = connection.execute(_REVOKE_KEY, (now, key))
        if not revoked.rowcount:
            raise unknown_key(key)

    def all_keys(self) -> Sequence[Key]:
        return [key_of(row) for row in self._link.rows(_KEYS)]

    def write(self, items: Sequence[Entry | Reservation]) -> None:
        entries = [item for item in items if isinstance(item, Entry)]
        settled = [item if isinstance(item, Reservation) else item.reservation for item in items]
        given_back = [each.id for each in settled if each]
        # What cost nothing changes nothing that others need to know, and needs no pen.
        is_money = given_back or any(entry.micro for entry in entries)
        with self._writing() if is_money else self._link.transaction() as connection:
            connection.execute(_GIVE_BACK, (given_back,))
            rows = [(*row_of_entry(entry), entry.day) for entry in entries]
            connection.cursor().executemany(_WRITE, rows)

    def reserve(self, reservation: Reservation, caps: Sequence[Cap]) -> Refusal | None:
        now = reservation.made
        with self._writing() as connection:
            connection.execute(_FORGET, (now - FORGOTTEN_AFTER,))
            asked = {cap: connection.execute(_COMMITTED, _which(cap, reservation)) for cap in caps}
            committed = {cap: _number(cursor) for cap, cursor in asked.items()}
            refusal = refuse(caps, committed.__getitem__, reservation.micro, now)
            if refusal is None:
                connection.execute(_RESERVE, astuple(reservation))
        return refusal

    def booked(self, day: str, now: float) -> Booked:
        # What others have settled meanwhile counts twice until the next look, rather than not at all.
        reservations = self._link.rows(_OPEN, (now - LAPSES_AFTER,))
        spent = self._link.rows(_SPENT, (day,))
        return Booked([Spent(*row) for row in spent], [Reservation(*row) for row in reservations])

    def totals(self, by: Sequence[Dimension], since: float, until: float) -> Sequence[Total]:
        columns = ", ".join(_COLUMNS[each] for each in by)
        groups = ", ".join(str(number + 1) for number in range(len(by)))
        rows = self._link.rows(_TOTALS.format(columns=columns, groups=groups), (since, until))
        return [Total(row[: len(by)], *row[len(by) :]) for row in rows]

    def load(self, name: str) -> State:
        return next((loaded(value) for (value,) in self._link.rows(_KEPT, (name,))), {})

    def update(self, changes: Mapping[str, Change]) -> None:
        if not self._update(changes):
            # No row is ever deleted, hence the second time they are all there.
            with self._link.told():
                self._link.connection.execute(_NAME, (list(changes),))
            self._update(changes)

    def changed(self) -> bool:
        before, self._seen = self._seen, self._changes()
        return before != self._seen

    def _update(self, changes: Mapping[str, Change]) -> bool:
        """Whether all of them had a row."""
        with self._link.transaction() as connection:
            held = connection.execute(_HOLD, (list(changes),)).fetchall()
            if len(held) < len(changes):
                return False
            kept = [(name, dumped(changes[name](loaded(value), now))) for name, value, now, _ in held]
            connection.execute(_KEEP, ([name for name, _ in kept], [value for _, value in kept]))
        return True

    def _changes(self) -> int:
        ((changes,),) = self._link.rows(_CHANGES)
        return int(changes)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._link.transaction() as connection:
            pen = connection.execute(_PEN)
            yield connection
        # Unless others wrote between what was seen and this, it is seen by having been done.
        if _number(pen) == self._seen + 1:
            self._seen += 1


def _which(cap: Cap, reservation: Reservation) -> dict[str, Any]:
    return {
        "day": first_day(cap.period, reservation.made),
        "key": reservation.key if cap.payer is Payer.KEY else None,
        "backend": reservation.backend if cap.payer is Payer.BACKEND else None,
        "lapsed": reservation.made - LAPSES_AFTER,
    }


def _number(cursor: psycopg.Cursor[Row]) -> int:
    ((number,),) = cursor.fetchall()
    return int(number)
