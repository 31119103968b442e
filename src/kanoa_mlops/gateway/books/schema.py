"""The tables, version by version. A version that was released is never changed; the next one alters it."""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest BLOB NOT NULL,
        created REAL NOT NULL,
        expires REAL,
        revoked REAL,
        requests_per_minute INTEGER,
        tokens_per_minute INTEGER,
        parallel INTEGER,
        micro_per_day INTEGER,
        micro_per_month INTEGER,
        models TEXT NOT NULL,
        may_burst INTEGER NOT NULL
    );

    CREATE UNIQUE INDEX keys_by_name ON keys (name) WHERE revoked IS NULL;

    CREATE TABLE entries (
        number INTEGER PRIMARY KEY,
        request TEXT NOT NULL UNIQUE,
        at REAL NOT NULL,
        key TEXT NOT NULL,
        model TEXT NOT NULL,
        backend TEXT NOT NULL,
        tier TEXT NOT NULL,
        status INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        estimated INTEGER NOT NULL,
        micro INTEGER NOT NULL,
        queue_ms INTEGER NOT NULL,
        first_token_ms INTEGER,
        total_ms INTEGER NOT NULL
    );

    CREATE INDEX entries_by_time ON entries (at);

    CREATE TABLE spending (
        day TEXT NOT NULL,
        key TEXT NOT NULL,
        backend TEXT NOT NULL,
        micro INTEGER NOT NULL,
        PRIMARY KEY (day, key, backend)
    );

    CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        made REAL NOT NULL,
        day TEXT NOT NULL,
        key TEXT NOT NULL,
        backend TEXT NOT NULL,
        micro INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE states (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
)
"""Times are seconds since 1970 in UTC, days are those of UTC ('2026-11-28'), micro is micro-dollars.

An entry without a key has the key ''. `spending` is the sum of the entries, written together with them, so
that a budget never adds up a month of requests. The value of a state is JSON.
"""
