"""Two gateways that share their collections: what one is taking in, the other knows of."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass

import openai
import pytest

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.server import start_gateway
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.file_reading import FileReading
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.library.reading import Progress
from kanoa_mlops.grounding.shared import SharedArchive
from kanoa_mlops.grounding.shared.ledger_table import LedgerTable
from kanoa_mlops.grounding.types import Document, Embedder
from tests.postgres import Postgres

_SECONDS = 60.0


class Gated:
    """Reads as files are read, when it is let."""

    def __init__(self, reader: FileReader) -> None:
        self._inner = FileReading(reader)
        self.begun, self.opened = threading.Event(), threading.Event()

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        self.begun.set()
        self.opened.wait(_SECONDS)
        return self._inner.read(name, content, source=source, cut=cut)

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        self._inner.embed(archive, collection_id, embedder, progress)


@dataclass
class Replica:
    client: openai.AsyncOpenAI
    library: Library
    reading: Gated


@asynccontextmanager
async def replica(url: str, reader: FileReader) -> AsyncIterator[Replica]:
    """One with files of its own nowhere."""
    reading = Gated(reader)
    with closing(SharedArchive(url)) as archive, closing(Ledger(LedgerTable(url))) as ledger:
        library = Library(archive, ledger=ledger, reading=reading)
        app = make_app(Backends(), figures=None, max_body_bytes=10**6, version="1", documents=lambda: library)
        gateway = await start_gateway(app, "127.0.0.1", 0)
        client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="local", max_retries=0)
        try:
            yield Replica(client, library, reading)
        finally:
            reading.opened.set()
            await client.close()
            await gateway.stop(0)
            await asyncio.to_thread(library.close)


@pytest.fixture
async def two(postgres: Postgres, reader: FileReader) -> AsyncIterator[tuple[Replica, Replica]]:
    with postgres.database() as url:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(replica(url, reader))
            yield one, await stack.enter_async_context(replica(url, reader))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + _SECONDS
    while not await condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        await asyncio.sleep(0.1)


async def test_the_other_knows_what_is_on_its_way_and_what_became_of_it(two: tuple[Replica, Replica]) -> None:
    one, other = two
    one.library.start()
    store = await one.client.vector_stores.create(name="papers")
    good = await one.client.files.create(file=("a.md", b"The sensor drifts."), purpose="assistants")
    bad = await other.client.files.create(file=("b.md", b""), purpose="assistants")
    begun = await one.client.vector_stores.file_batches.create(store.id, file_ids=[good.id, bad.id])
    await asyncio.to_thread(one.reading.begun.wait, _SECONDS)
    for asked in (one, other):
        client = asked.client
        files = [each async for each in client.vector_stores.files.list(store.id)]
        assert {(each.id, each.status) for each in files} == {
            (good.id, "in_progress"),
            (bad.id, "in_progress"),
        }
        told = await client.vector_stores.files.retrieve(bad.id, vector_store_id=store.id)
        assert told.status == "in_progress"
        assert (await client.vector_stores.retrieve("papers")).file_counts.in_progress == 2
        batch = await client.vector_stores.file_batches.retrieve(begun.id, vector_store_id=store.id)
        assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 2)
    one.reading.opened.set()
    # At the other one, which takes in nothing itself.
    done = await other.client.vector_stores.file_batches.poll(
        begun.id, vector_store_id=store.id, poll_interval_ms=100
    )
    assert (done.file_counts.completed, done.file_counts.failed) == (1, 1)
    failed = await other.client.vector_stores.files.retrieve(bad.id, vector_store_id=store.id)
    assert failed.last_error is not None
    assert failed.last_error.code == "invalid_file"
    found = await other.client.vector_stores.search(store.id, query="drift sensor")
    assert [each.file_id for each in found.data] == [good.id]


async def test_what_one_leaves_undone_the_other_takes_in(two: tuple[Replica, Replica]) -> None:
    one, other = two
    store = await one.client.vector_stores.create()
    file = await one.client.files.create(file=("a.md", b"The sensor drifts."), purpose="assistants")
    await one.client.vector_stores.files.create(file_id=file.id, vector_store_id=store.id)
    one.library.start()
    await asyncio.to_thread(one.reading.begun.wait, _SECONDS)
    one.reading.opened.set()
    await asyncio.to_thread(one.library.close)
    other.reading.opened.set()
    other.library.start()

    async def is_in() -> bool:
        told = await one.client.vector_stores.files.retrieve(file.id, vector_store_id=store.id)
        return told.status == "completed"

    await until(is_in)


async def test_what_is_taken_out_at_the_other_is_not_taken_in(two: tuple[Replica, Replica]) -> None:
    one, other = two
    one.library.start()
    store = await one.client.vector_stores.create()
    file = await one.client.files.create(file=("a.md", b"The sensor drifts."), purpose="assistants")
    await one.client.vector_stores.files.create(file_id=file.id, vector_store_id=store.id)
    await asyncio.to_thread(one.reading.begun.wait, _SECONDS)
    await other.client.vector_stores.files.delete(file.id, vector_store_id=store.id)
    one.reading.opened.set()
    last = await one.client.files.create(file=("b.md", b"The probe drifts."), purpose="assistants")
    await one.client.vector_stores.files.create_and_poll(
        file_id=last.id, vector_store_id=store.id, poll_interval_ms=100
    )
    for asked in two:
        assert [each.id async for each in asked.client.vector_stores.files.list(store.id)] == [last.id]
    found = await other.client.vector_stores.search(store.id, query="drifts")
    assert [each.file_id for each in found.data] == [last.id]
