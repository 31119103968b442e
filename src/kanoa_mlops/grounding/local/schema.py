"""The tables, version by version. A version that was released is never changed; the next one alters it."""

from __future__ import annotations

MIGRATIONS = (
    """
    CREATE TABLE collections (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        owner TEXT NOT NULL,
        readers TEXT NOT NULL,
        folder BLOB NOT NULL,
        shareable INTEGER NOT NULL,
        model TEXT,
        dimensions INTEGER,
        attributes TEXT NOT NULL,
        created_at REAL NOT NULL,
        used_at REAL NOT NULL,
        expires_days INTEGER,
        revision INTEGER NOT NULL DEFAULT 0,
        removals INTEGER NOT NULL DEFAULT 0,
        UNIQUE (owner, name)
    );

    CREATE TABLE documents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        collection INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        source BLOB NOT NULL,
        title TEXT NOT NULL,
        digest TEXT NOT NULL,
        file_id TEXT NOT NULL,
        path BLOB NOT NULL,
        bytes INTEGER NOT NULL,
        modified REAL NOT NULL,
        reader TEXT NOT NULL,
        attributes TEXT NOT NULL,
        added_at REAL NOT NULL,
        chunks INTEGER NOT NULL,
        embedded INTEGER NOT NULL,
        text_bytes INTEGER NOT NULL,
        UNIQUE (collection, source)
    );

    CREATE INDEX documents_by_revision ON documents (collection, revision);

    CREATE TABLE chunks (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        text TEXT NOT NULL,
        page INTEGER,
        heading TEXT NOT NULL,
        kind TEXT NOT NULL
    );

    CREATE INDEX chunks_by_id ON chunks (id);

    CREATE TABLE postings (
        document INTEGER PRIMARY KEY,
        packed BLOB NOT NULL
    );

    CREATE TABLE vectors (
        chunk INTEGER PRIMARY KEY,
        vector BLOB NOT NULL
    );

    CREATE TABLE files (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        filename BLOB NOT NULL,
        purpose TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        created_at REAL NOT NULL
    );

    CREATE TABLE contents (
        file TEXT PRIMARY KEY,
        content BLOB NOT NULL
    )
    """,
)
"""Times are seconds since 1970 in UTC; readers and attributes are JSON; vectors are float32, little-endian.
Names of files are bytes, as they need not be UTF-8.

A document is never altered but by its vectors: what replaces it is a new one, with a number that no
other had. The number of a chunk is that of its document times 2**20, and its place in it. `revision` of
a collection grows with each change of what it holds, `removals` whenever something went, and a document
keeps the revision that it was changed in: so whoever has a collection in memory sees at a glance what
is new.
"""
