"""`/v1/vector_stores`, by OpenAI's client."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai.types import VectorStore, VectorStoreDeleted, VectorStoreSearchResponse
from openai.types.vector_stores import VectorStoreFile, VectorStoreFileBatch, VectorStoreFileDeleted

from tests.gateway.library.conftest import House, checked


async def test_a_store_is_made_changed_listed_and_deleted(house: House) -> None:
    async with house.client() as client:
        made = await client.vector_stores.create(name="papers", metadata={"lab": "7"})
        assert (made.name, made.status, made.metadata) == ("papers", "completed", {"lab": "7"})
        changed = await client.vector_stores.update(
            made.id, name="notes", metadata={}, expires_after={"anchor": "last_active_at", "days": 2}
        )
        assert (changed.name, changed.metadata) == ("notes", {})
        assert changed.expires_at is not None
        assert changed.last_active_at is not None
        assert changed.expires_at - changed.last_active_at == 2 * 86_400
        kept = await client.vector_stores.update(made.id, expires_after=None)
        assert kept.expires_at is None
        assert (await client.vector_stores.retrieve("notes")).id == made.id
        assert (await client.vector_stores.delete(made.id)).deleted
        with pytest.raises(openai.NotFoundError, match="There is no vector store"):
            await client.vector_stores.retrieve(made.id)


async def test_a_name_may_be_missing_or_there_twice(house: House) -> None:
    async with house.client() as client:
        ids = [(await client.vector_stores.create(name="faq")).id for _ in range(2)]
        nameless = await client.vector_stores.create()
        assert nameless.name == ""
        assert [each.name async for each in client.vector_stores.list()] == ["", "faq", "faq"]
        assert (await client.vector_stores.retrieve("faq")).id == ids[0]


async def test_pages_go_both_ways(house: House) -> None:
    async with house.client() as client:
        ids = [(await client.vector_stores.create(name=f"s{number}")).id for number in range(5)]
        assert [each.id async for each in client.vector_stores.list(limit=2)] == ids[::-1]
        assert [each.id async for each in client.vector_stores.list(limit=2, order="asc")] == ids
        before = await client.vector_stores.list(limit=2, order="asc", before=ids[4])
        assert [each.id for each in before.data] == ids[2:4]
        assert before.has_more


async def test_answers_are_what_the_client_says_they_are(house: House) -> None:
    _, store = await house.ask("POST", "/vector_stores", json={"name": "papers"})
    checked(VectorStore, store)
    path = f"/vector_stores/{store['id']}"
    file = await house.upload()
    _, attached = await house.ask("POST", f"{path}/files", json={"file_id": file.id, "attributes": {"a": 1}})
    checked(VectorStoreFile, attached)
    await house.taken_in(store["id"], file.id)
    _, found = await house.ask("POST", f"{path}/search", json={"query": "drift"})
    [hit] = found["data"]
    checked(VectorStoreSearchResponse, hit)
    _, batch = await house.ask("POST", f"{path}/file_batches", json={"file_ids": [file.id]})
    checked(VectorStoreFileBatch, batch)
    await house.taken_in(store["id"], file.id)
    _, gone = await house.ask("DELETE", f"{path}/files/{file.id}")
    checked(VectorStoreFileDeleted, gone)
    _, gone = await house.ask("DELETE", path)
    checked(VectorStoreDeleted, gone)


async def test_a_search_finds_what_the_filter_lets_through_and_nothing_else(house: House) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create(name="papers")
        for year in (2024, 2025, 2026):
            text = f"Calibration of {year}: the drift is {year - 2020} mV.".encode()
            await house.put(store.id, f"{year}.txt", text, attributes={"year": year, "open": year > 2024})
        cases: list[tuple[Any, set[str]]] = [
            ({"type": "eq", "key": "year", "value": 2025}, {"2025.txt"}),
            ({"type": "gte", "key": "year", "value": 2025}, {"2025.txt", "2026.txt"}),
            ({"type": "in", "key": "year", "value": [2024, 2026]}, {"2024.txt", "2026.txt"}),
            (
                {
                    "type": "and",
                    "filters": [
                        {"type": "eq", "key": "open", "value": True},
                        {"type": "ne", "key": "year", "value": 2026},
                    ],
                },
                {"2025.txt"},
            ),
            ({"type": "eq", "key": "year", "value": "2025"}, set()),
            ({"type": "eq", "key": "missing", "value": 1}, set()),
        ]
        for filters, names in cases:
            found = await client.vector_stores.search(store.id, query="drift", filters=filters)
            assert {each.filename for each in found.data} == names, filters
        with pytest.raises(openai.BadRequestError) as refused:
            unheard: Any = {"type": "like", "key": "year", "value": 1}
            await client.vector_stores.search(store.id, query="drift", filters=unheard)
        assert refused.value.param == "filters"


async def test_several_queries_are_one_search(house: House) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create()
        await house.put(store.id, "drift.txt", b"The drift of the sensor.")
        await house.put(store.id, "noise.txt", b"The noise of the amplifier.")
        found = await client.vector_stores.search(store.id, query=["drift", "amplifier"], max_num_results=2)
        assert {each.filename for each in found.data} == {"drift.txt", "noise.txt"}
        assert (found.model_extra or {})["search_query"] == ["drift", "amplifier"]
        none = await client.vector_stores.search(
            store.id, query="drift", ranking_options={"score_threshold": 1.0}
        )
        assert all(each.score >= 1.0 for each in none.data)


async def test_attributes_change_without_a_new_reading(house: House) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create()
        file = await house.put(store.id, "drift.txt", b"The drift.", attributes={"year": 2025})
        changed = await client.vector_stores.files.update(
            file.id, vector_store_id=store.id, attributes={"year": 2026}
        )
        assert changed.attributes == {"year": 2026}
        again = await client.vector_stores.files.retrieve(file.id, vector_store_id=store.id)
        assert (again.attributes, again.status) == ({"year": 2026}, "completed")
        for year, count in ((2025, 0), (2026, 1)):
            found = await client.vector_stores.search(
                store.id, query="drift", filters={"type": "eq", "key": "year", "value": year}
            )
            assert len(found.data) == count


async def test_what_is_taken_out_is_not_found_nor_on_the_disk(house: House) -> None:
    async with house.client() as client:
        store = await client.vector_stores.create()
        file = await house.put(
            store.id, "secret.txt", b"The xylophone plays.", attributes={"owner": "zebra-crossing"}
        )
        pieces = await client.vector_stores.files.content(file.id, vector_store_id=store.id)
        assert [each.text for each in pieces.data] == ["The xylophone plays."]
        assert house.on_disk(b"zebra-crossing")
        await client.vector_stores.files.delete(file.id, vector_store_id=store.id)
        assert (await client.vector_stores.search(store.id, query="xylophone")).data == []
        assert (await client.files.content(file.id)).content == b"The xylophone plays."
        await client.files.delete(file.id)
    assert not house.on_disk(b"xylophone")
    assert not house.on_disk(b"zebra-crossing")


async def test_a_deleted_file_leaves_every_store(house: House) -> None:
    async with house.client() as client:
        stores = [(await client.vector_stores.create()).id for _ in range(2)]
        file = await house.put(stores[0], "a.txt", b"The xylophone plays.")
        await client.vector_stores.files.create(file_id=file.id, vector_store_id=stores[1])
        await house.taken_in(stores[1], file.id)
        await client.files.delete(file.id)
        for store in stores:
            assert (await client.vector_stores.search(store, query="xylophone")).data == []
            assert (await client.vector_stores.retrieve(store)).file_counts.total == 0
    assert not house.on_disk(b"xylophone")


async def test_a_store_that_expired_says_so_and_comes_back_with_other_terms(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    async with house.client() as client:
        store = await client.vector_stores.create(expires_after={"anchor": "last_active_at", "days": 1})
        await house.put(store.id, "a.txt", b"The drift.")
        now = time.time()
        monkeypatch.setattr("kanoa_mlops.grounding.library.shelves.time.time", lambda: now + 86_500)
        assert (await client.vector_stores.retrieve(store.id)).status == "expired"
        with pytest.raises(openai.BadRequestError) as refused:
            await client.vector_stores.search(store.id, query="drift")
        assert refused.value.code == "vector_store_expired"
        await client.vector_stores.update(store.id, expires_after=None)
        assert len((await client.vector_stores.search(store.id, query="drift")).data) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "last_active_at", "days": 0}}, "expires_after.days"),
        ({"file_ids": ["file-none"]}, "file_id"),
        (
            {"chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 500}}},
            "chunking_strategy.static.chunk_overlap_tokens",
        ),
    ],
)
async def test_what_makes_no_sense_is_named_and_makes_nothing(
    house: House, fields: dict[str, Any], param: str
) -> None:
    status, answer = await house.ask("POST", "/vector_stores", json=fields)
    assert (status, answer["error"]["param"]) == (404 if "file_ids" in fields else 400, param)
    assert not house.library.archive.collections()


async def test_the_client_that_waits_works_too(house: House) -> None:
    key = house.key("ann")

    def use() -> list[str]:
        with openai.OpenAI(base_url=house.url, api_key=key, max_retries=0) as client:
            store = client.vector_stores.create(name="sync")
            client.vector_stores.files.upload_and_poll(
                vector_store_id=store.id, file=("a.txt", b"The drift of May."), poll_interval_ms=50
            )
            batch = client.vector_stores.file_batches.upload_and_poll(
                store.id,
                files=[("b.txt", b"The drift of June."), ("c.txt", b"Nothing.")],
                poll_interval_ms=50,
            )
            assert (batch.status, batch.file_counts.completed) == ("completed", 2)
            found = client.vector_stores.search(store.id, query="drift")
            return sorted(each.filename for each in found)

    assert await asyncio.to_thread(use) == ["a.txt", "b.txt"]
