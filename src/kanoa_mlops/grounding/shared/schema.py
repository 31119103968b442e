"""The tables that all collections share, version by version; one that was released is never changed."""

from __future__ import annotations

from kanoa_mlops.errors import ArchiveUnusable
from kanoa_mlops.postgres import Connection

SCHEMA = "kanoa_mlops_collections"
"""In which all tables are, so that the database may hold other things."""

MIGRATIONS = (
    """
    CREATE TABLE archive (version INTEGER NOT NULL);

    INSERT INTO archive VALUES (0);

    CREATE TABLE collections (
        number INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id TEXT COLLATE "C" NOT NULL UNIQUE,
        name TEXT COLLATE "C" NOT NULL,
        owner TEXT COLLATE "C" NOT NULL,
        readers TEXT NOT NULL,
        folder BYTEA NOT NULL,
        shareable BOOLEAN NOT NULL,
        model TEXT,
        dimensions INTEGER,
        attributes TEXT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL,
        used_at DOUBLE PRECISION NOT NULL,
        expires_days INTEGER,
        next_chunk INTEGER NOT NULL DEFAULT 1,
        segments INTEGER[] NOT NULL DEFAULT '{}',
        chunks INTEGER NOT NULL DEFAULT 0,
        embedded INTEGER NOT NULL DEFAULT 0,
        terms BIGINT NOT NULL DEFAULT 0,
        middle BYTEA NOT NULL DEFAULT '',
        UNIQUE (owner, name)
    );

    CREATE TABLE files (
        id TEXT COLLATE "C" PRIMARY KEY,
        owner TEXT NOT NULL,
        filename BYTEA NOT NULL,
        purpose TEXT NOT NULL,
        bytes BIGINT NOT NULL,
        created_at DOUBLE PRECISION NOT NULL,
        content BYTEA STORAGE EXTERNAL NOT NULL
    )
    """,
    """
    CREATE TABLE attachments (
        collection TEXT COLLATE "C" NOT NULL,
        file TEXT COLLATE "C" NOT NULL,
        owner TEXT COLLATE "C" NOT NULL,
        batch TEXT COLLATE "C" NOT NULL,
        status TEXT NOT NULL,
        fault TEXT,
        message TEXT NOT NULL DEFAULT '',
        attributes TEXT NOT NULL,
        cut TEXT,
        created DOUBLE PRECISION NOT NULL,
        stored INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        claim TEXT NOT NULL DEFAULT '',
        until DOUBLE PRECISION NOT NULL DEFAULT 0,
        PRIMARY KEY (collection, file)
    );

    CREATE INDEX waiting ON attachments (owner, created) WHERE status = 'in_progress';

    CREATE INDEX of_batch ON attachments (batch);

    CREATE TABLE batches (
        id TEXT COLLATE "C" PRIMARY KEY,
        collection TEXT COLLATE "C" NOT NULL,
        created DOUBLE PRECISION NOT NULL,
        cancelled INTEGER NOT NULL DEFAULT 0
    )
    """,
)
"""Times are seconds since 1970; readers and attributes of collections are JSON, as they were given.
`chunks`, `embedded` and `terms` (of all chunks, as often as they are said) count what the collection's own
tables hold; `segments` are the first chunks of each segment of its postings;
`middle` is the sum of its vectors, as float64. Whoever changes what a
collection holds, holds its row. Names of files are bytes, as not all of them are text."""

_LOCK = 0x6B616E6F62
"""Of all advisory locks of the database, ours: beside that of the gateway's books."""
_HAS_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)"
_HAS_ARCHIVE = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'archive')"


def migrate(connection: Connection, name: str) -> None:
    """Bring it to this version, once, however many do so at the same time.

    Raises:
        ArchiveUnusable: written by a newer version.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        # Read again: others may have done it while we waited.
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise ArchiveUnusable(
                f"{name} was written by a newer kanoa-mlops "
                f"(its version is {version}, the newest known here is {len(MIGRATIONS)}).",
                hint="Update kanoa-mlops.",
            )
        # Not `IF NOT EXISTS`, which asks for the right to create one even if it is there.
        if not _is(connection, _HAS_SCHEMA):
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for script in MIGRATIONS[version:]:
            # No statement of ours has a semicolon inside.
            for statement in script.split(";"):
                connection.execute(statement.encode())
        connection.execute("UPDATE archive SET version = %s", (len(MIGRATIONS),))


def _version(connection: Connection) -> int:
    if not _is(connection, _HAS_ARCHIVE):
        return 0
    ((version,),) = connection.execute("SELECT version FROM archive").fetchall()
    return int(version)


def _is(connection: Connection, question: str) -> bool:
    ((found,),) = connection.execute(question.encode(), (SCHEMA,)).fetchall()
    return bool(found)
