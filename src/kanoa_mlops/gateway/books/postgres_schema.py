"""The tables in Postgres, version by version; for what they mean see `schema`."""

from __future__ import annotations

from kanoa_mlops.errors import BooksUnusable
from kanoa_mlops.gateway.books.link import SCHEMA, Link

MIGRATIONS = (
    """
    CREATE TABLE books (
        version INTEGER NOT NULL,
        changes BIGINT NOT NULL
    );

    CREATE UNIQUE INDEX one_row ON books ((true));

    CREATE TABLE keys (
        id TEXT COLLATE "C" PRIMARY KEY,
        name TEXT COLLATE "C" NOT NULL,
        digest BYTEA NOT NULL,
        created DOUBLE PRECISION NOT NULL,
        expires DOUBLE PRECISION,
        revoked DOUBLE PRECISION,
        requests_per_minute BIGINT,
        tokens_per_minute BIGINT,
        parallel BIGINT,
        micro_per_day BIGINT,
        micro_per_month BIGINT,
        models TEXT NOT NULL,
        may_burst BOOLEAN NOT NULL
    );

    CREATE UNIQUE INDEX keys_by_name ON keys (name) WHERE revoked IS NULL;

    CREATE TABLE entries (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        request TEXT COLLATE "C" NOT NULL UNIQUE,
        at DOUBLE PRECISION NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        model TEXT COLLATE "C" NOT NULL,
        backend TEXT COLLATE "C" NOT NULL,
        tier TEXT COLLATE "C" NOT NULL,
        status BIGINT NOT NULL,
        prompt_tokens BIGINT NOT NULL,
        completion_tokens BIGINT NOT NULL,
        estimated BOOLEAN NOT NULL,
        micro BIGINT NOT NULL,
        queue_ms BIGINT NOT NULL,
        first_token_ms BIGINT,
        total_ms BIGINT NOT NULL
    );

    CREATE INDEX entries_by_time ON entries (at);

    CREATE TABLE spending (
        day TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        backend TEXT COLLATE "C" NOT NULL,
        micro BIGINT NOT NULL,
        PRIMARY KEY (day, key, backend)
    );

    CREATE TABLE reservations (
        id TEXT COLLATE "C" PRIMARY KEY,
        made DOUBLE PRECISION NOT NULL,
        day TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        backend TEXT COLLATE "C" NOT NULL,
        micro BIGINT NOT NULL
    );

    CREATE TABLE states (
        name TEXT COLLATE "C" PRIMARY KEY,
        value TEXT NOT NULL
    );

    INSERT INTO books VALUES (0, 0)
    """,
)
"""`changes` counts the changes of keys and money; whoever makes one holds its row, so that one does so after
another.
Text sorts by its bytes, as in SQLite and Python, whatever the language of the server."""

# Looked up in the tables: what to_regclass() finds may be older than a lock that was waited for.
_HAS_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
_HAS_BOOKS = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'books')"
_LOCK = 0x6B616E6F61
"""Of all advisory locks of the database, ours: 'kanoa'."""


def migrate(link: Link) -> None:
    """Bring it to this version, once, however many do so at the same time.

    Raises:
        BooksUnusable: no right to write it, or written by a newer version.
        BooksBusy: others held it too long.
    """
    if _version(link) == len(MIGRATIONS):
        return
    with link.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        # Read again: others may have done it while we waited.
        version = _version(link)
        if version > len(MIGRATIONS):
            raise BooksUnusable(
                f"{link.name} was written by a newer kanoa-mlops "
                f"(its version is {version}, the newest known here is {len(MIGRATIONS)}).",
                hint="Update kanoa-mlops.",
            )
        # Not `IF NOT EXISTS`, which asks for the right to create one even if it is there.
        ((exists,),) = link.rows(_HAS_SCHEMA, (SCHEMA,))
        if not exists:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for script in MIGRATIONS[version:]:
            # No statement of ours has a semicolon inside.
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute("UPDATE books SET version = %s", (len(MIGRATIONS),))


def _version(link: Link) -> int:
    ((exists,),) = link.rows(_HAS_BOOKS, (SCHEMA,))
    return int(link.rows("SELECT version FROM books")[0][0]) if exists else 0
