"""What becomes of files on their way into a vector store, and when the gateway is killed under them."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.reading import Progress
from kanoa_mlops.grounding.types import Chunk, Document, Embedder, Space
from tests.gateway.library.conftest import House, OpenHouse

ROOT = Path(__file__).parents[3]


def bomb() -> bytes:
    """A document of Office that would be 200 MB of text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b" " * 200_000_000)
    return packed.getvalue()


def encrypted() -> bytes:
    """The frame of a PDF whose trailer wants a password."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
        b"3 0 obj<</Filter/Standard/V 1/R 2/P -4/O(" + b"o" * 32 + b")/U(" + b"u" * 32 + b")>>endobj\n"
        b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000097 00000 n \n"
        b"trailer<</Size 4/Root 1 0 R/Encrypt 3 0 R/ID[<00><00>]>>\nstartxref\n235\n%%EOF\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("secret.pdf", encrypted(), "password"),
        ("broken.pdf", b"%PDF-1.7 and then nothing", "damaged"),
        ("bomb.docx", bomb(), "bomb"),
        ("noise.bin", bytes(range(256)) * 20, "binary"),
    ],
)
async def test_what_cannot_be_read_has_failed_and_says_why(
    house: House, name: str, content: bytes, words: str
) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create()
        file = await house.put(store.id, name, content)
        assert file.status == "failed"
        assert file.last_error is not None
        assert file.last_error.code in ("invalid_file", "unsupported_file")
        assert words in file.last_error.message
        told = await client.vector_stores.retrieve(store.id)
        assert (told.status, told.file_counts.failed, told.file_counts.completed) == ("completed", 1, 0)
        failed = await client.vector_stores.files.list(store.id, filter="failed")
        assert [each.id for each in failed.data] == [file.id]
        assert (await client.vector_stores.files.list(store.id, filter="completed")).data == []


async def test_a_batch_comes_to_an_end_whatever_is_in_it(house: House) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create()
        good, bad = await house.upload("a.txt", b"The drift."), await house.upload("b.txt", b"")
        begun = await client.vector_stores.file_batches.create(
            store.id,
            files=[
                {"file_id": good.id, "attributes": {"year": 2026}},
                {
                    "file_id": bad.id,
                    "chunking_strategy": {
                        "type": "static",
                        "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50},
                    },
                },
            ],
        )
        batch = await client.vector_stores.file_batches.poll(
            begun.id, vector_store_id=store.id, poll_interval_ms=50
        )
        assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 1)
        files = client.vector_stores.file_batches.list_files(begun.id, vector_store_id=store.id)
        by_id = {each.id: each async for each in files}
        assert by_id[good.id].attributes == {"year": 2026}
        strategy = by_id[bad.id].chunking_strategy
        assert strategy is not None
        assert strategy.type == "static"
        assert strategy.static.max_chunk_size_tokens == 200


class Gated:
    """Reads a file when it is let."""

    def __init__(self) -> None:
        self.opened, self.begun = threading.Event(), threading.Event()

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        self.begun.set()
        self.opened.wait(60)
        return Document(source, name, "0" * 64, (Chunk(f"chunk of {source}", content.decode()),))

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        for lot in archive.unembedded(collection_id, embedder.space):
            vectors = embedder.documents([each.text for each in lot])
            archive.embed(collection_id, embedder.space, [each.id for each in lot], vectors)


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_a_cancelled_batch_takes_in_no_more_than_was_begun(open_house: OpenHouse) -> None:
    gated = Gated()
    house: House = await open_house(reading=gated)
    async with house.client() as client:
        store = await client.vector_stores.create()
        ids = [(await house.upload(f"{number}.txt", b"The drift.")).id for number in range(4)]
        begun = await client.vector_stores.file_batches.create(store.id, file_ids=ids)
        assert begun.status == "in_progress"
        await until(gated.begun.is_set)
        batch = await client.vector_stores.file_batches.cancel(begun.id, vector_store_id=store.id)
        assert (batch.file_counts.in_progress, batch.file_counts.cancelled) == (1, 3)
        gated.opened.set()
        batch = await client.vector_stores.file_batches.poll(
            begun.id, vector_store_id=store.id, poll_interval_ms=50
        )
        assert (batch.status, batch.file_counts.completed) == ("cancelled", 1)


async def test_what_is_deleted_while_it_is_read_does_not_come_back(open_house: OpenHouse) -> None:
    gated = Gated()
    house: House = await open_house(reading=gated)
    async with house.client() as client:
        stores = [(await client.vector_stores.create()).id for _ in range(2)]
        file = await house.upload("a.txt", b"The xylophone plays.")
        for store in stores:
            await client.vector_stores.files.create(file_id=file.id, vector_store_id=store)
        await until(gated.begun.is_set)
        await client.files.delete(file.id)
        gated.opened.set()
        marker = await house.put(stores[0], "later.txt", b"Later.")
        assert marker.status == "completed"
        for store in stores:
            assert (await client.vector_stores.search(store, query="xylophone")).data == []
    assert not house.on_disk(b"xylophone")


async def test_keys_take_turns(open_house: OpenHouse) -> None:
    gated = Gated()
    house: House = await open_house(reading=gated)
    async with house.client("ann") as ann, house.client("bob") as bob:
        many = [(await house.upload(f"{number}.txt", b"The drift.")).id for number in range(6)]
        hers, his = await ann.vector_stores.create(), await bob.vector_stores.create()
        await ann.vector_stores.file_batches.create(hers.id, file_ids=many)
        one = await house.upload("his.txt", b"The noise.", "bob")
        await bob.vector_stores.files.create(file_id=one.id, vector_store_id=his.id)
        gated.opened.set()
        assert (await house.taken_in(his.id, one.id, "bob")).status == "completed"
        order = [each async for each in ann.vector_stores.files.list(hers.id, order="asc")]
        assert len(order) == 6


class Failing:
    """An embedder whose model is down, or fails for a while."""

    def __init__(self, times: int) -> None:
        self.times = times

    @property
    def space(self) -> Space:
        return Space("words", 2)

    def documents(self, texts: list[str]) -> object:
        import numpy

        self.times -= 1
        if self.times >= 0:
            raise RetrieverFailed("The embedding model words is down.")
        return numpy.full((len(texts), 2), 0.5**0.5, dtype=numpy.float32)

    def query(self, text: str) -> object:
        import numpy

        return numpy.full(2, 0.5**0.5, dtype=numpy.float32)


@pytest.mark.parametrize(("times", "status"), [(2, "completed"), (99, "failed")])
async def test_a_model_that_fails_is_asked_again_and_then_told(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch, times: int, status: str
) -> None:
    monkeypatch.setattr("kanoa_mlops.grounding.library.intake._PAUSES", (0.01, 0.01, 0.01))
    gated, embedder = Gated(), Failing(times)
    gated.opened.set()
    house: House = await open_house(reading=gated, embedder_of=lambda space: embedder)
    async with house.client() as client:
        store = await client.vector_stores.create()
        file = await house.put(store.id, "a.txt", b"The drift.")
        assert file.status == status
        found = await client.vector_stores.search(store.id, query="drift")
        assert len(found.data) == (1 if status == "completed" else 0)
        if status == "failed":
            assert file.last_error is not None
            assert (file.last_error.code, "is down" in file.last_error.message) == ("server_error", True)


async def test_so_many_wait_that_no_more_may(open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kanoa_mlops.grounding.library.attachments._MOST_WAITING", 3)
    house: House = await open_house(takes_in=False)
    async with house.client() as client:
        store = await client.vector_stores.create()
        ids = [(await house.upload(f"{number}.txt")).id for number in range(4)]
        with pytest.raises(openai.RateLimitError) as refused:
            await client.vector_stores.file_batches.create(store.id, file_ids=ids)
        assert refused.value.code == "too_many_files_waiting"
        await client.vector_stores.file_batches.create(store.id, file_ids=ids[:3])
        assert (await client.vector_stores.retrieve(store.id)).status == "in_progress"


@contextmanager
def alone(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    (folder / "url").unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "tests.gateway.library.alone", str(folder)], cwd=ROOT)
    try:
        end = time.monotonic() + 60
        while not (folder / "url").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield process, (folder / "url").read_text() + "/v1"
    finally:
        process.kill()
        process.wait()


def test_what_a_killed_gateway_left_is_taken_in_by_the_next(tmp_path: Path) -> None:
    with alone(tmp_path) as (process, url), openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        store = client.vector_stores.create(name="papers")
        names = {"first.txt": b"wait for the drift", "second.txt": b"the drift again"}
        ids = [client.files.create(file=each, purpose="assistants").id for each in names.items()]
        batch = client.vector_stores.file_batches.create(store.id, file_ids=ids)
        end = time.monotonic() + 60
        while not (tmp_path / "waits").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        assert client.vector_stores.retrieve(store.id).status == "in_progress"
        process.kill()  # SIGKILL: nobody is told
        process.wait()
    (tmp_path / "go").touch()
    with alone(tmp_path) as (_, url), openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        done = client.vector_stores.file_batches.poll(
            batch.id, vector_store_id=store.id, poll_interval_ms=100
        )
        assert (done.status, done.file_counts.completed) == ("completed", 2)
        found = client.vector_stores.search("papers", query="drift")
        assert {each.filename for each in found} == set(names)
        assert client.vector_stores.retrieve(store.id).status == "completed"
