"""What is another's is not there, whichever way it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import openai
import pytest

from docs.api import operations
from kanoa_mlops.gateway.openapi import description
from tests.gateway.library.conftest import House

SECRET = b"The xylophone plays at dawn."
BODIES: dict[str, dict[str, Any]] = {
    "StoreChanged": {"name": "stolen"},
    "Searched": {"query": "xylophone dawn"},
    "Described": {"attributes": {"stolen": True}},
}
"""Of those that name nothing of somebody's; the others are in `body`."""


@dataclass(frozen=True)
class Belongings:
    """Of one holder of a key."""

    vector_store_id: str
    file_id: str
    batch_id: str


def described() -> Iterator[tuple[str, str, str]]:
    """Method, path and kind of body of every operation on documents."""
    for path, item in description()["paths"].items():
        for method, operation in operations(item):
            if operation["tags"] == ["documents"]:
                [media] = operation.get("requestBody", {"content": {"": None}})["content"].values()
                yield method.upper(), path, media["schema"]["$ref"].rpartition("/")[2] if media else ""


NAMING = [each for each in described() if "{" in each[1]]
TAKING_FILES = ("StoreCreated", "Attached", "BatchCreated")
OPERATIONS = [f"{method} {path}" for method, path, _ in described()]


async def settled(house: House, who: str) -> Belongings:
    async with house.client(who) as client:
        store = await client.vector_stores.create(name=f"of {who}")
        file = await house.upload("secret.txt", SECRET, who)
        batch = await client.vector_stores.file_batches.create(store.id, file_ids=[file.id])
        await house.taken_in(store.id, file.id, who)
        return Belongings(store.id, file.id, batch.id)


def body(kind: str, file_id: str) -> dict[str, Any] | None:
    match kind:
        case "Attached":
            return {"file_id": file_id}
        case "BatchCreated" | "StoreCreated":
            return {"file_ids": [file_id]}
    return BODIES[kind] if kind else None


def named(path: str, belongings: Belongings) -> str:
    return path.removeprefix("/v1").format_map(vars(belongings))


async def text_of(house: House, method: str, path: str, who: str, kind: str, file_id: str) -> tuple[int, str]:
    headers = {"authorization": f"Bearer {house.key(who)}"}
    given = body(kind, file_id)
    async with house.session.request(method, house.url + path, headers=headers, json=given) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(("method", "path", "kind"), NAMING, ids=[f"{a} {b}" for a, b, _ in NAMING])
async def test_another_keys_is_the_same_as_none(house: House, method: str, path: str, kind: str) -> None:
    ann, bob = await settled(house, "ann"), await settled(house, "bob")
    nobodys = Belongings("vs_" + "0" * 24, "file-" + "0" * 24, "vsfb_" + "0" * 24)
    refusals = []
    for whose in (ann, nobodys):
        asked = named(path, whose)
        status, text = await text_of(house, method, asked, "bob", kind, bob.file_id)
        assert status == 404, text
        assert b"xylophone" not in text.encode()
        refusals.append({**json.loads(text)["error"], "message": ""})
        for name, own in vars(bob).items():  # one name of another's among own ones
            if f"{{{name}}}" in path:
                mixed = replace(bob, **{name: vars(whose)[name]})
                status, text = await text_of(house, method, named(path, mixed), "bob", kind, bob.file_id)
                assert status == 404, (name, own, text)
    assert refusals[0] == refusals[1]
    async with house.client("ann") as client:  # and all of it is as it was
        store = await client.vector_stores.retrieve(ann.vector_store_id)
        assert (store.name, store.file_counts.completed) == ("of ann", 1)
        file = await client.vector_stores.files.retrieve(ann.file_id, vector_store_id=store.id)
        assert (file.status, file.attributes) == ("completed", {})
        assert (await client.files.content(ann.file_id)).content == SECRET


@pytest.mark.parametrize(
    ("method", "path", "kind"), [each for each in described() if each[2] in TAKING_FILES]
)
async def test_another_keys_file_cannot_be_taken_in(house: House, method: str, path: str, kind: str) -> None:
    ann, bob = await settled(house, "ann"), await settled(house, "bob")
    for file_id in (ann.file_id, "file-none"):
        status, text = await text_of(house, method, named(path, bob), "bob", kind, file_id)
        assert (status, json.loads(text)["error"]["code"]) == (404, "file_not_found")
    async with house.client("bob") as client:
        assert len([each async for each in client.vector_stores.list()]) == 1
        assert (await client.vector_stores.retrieve(bob.vector_store_id)).file_counts.total == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_without_a_key_nobody_is_let_in(house: House, operation: str) -> None:
    method, path = operation.split()
    ann = Belongings("vs_1", "file-1", "vsfb_1")
    for key in ("", "Bearer nonsense"):
        headers = {"authorization": key}
        async with house.session.request(method, house.url + named(path, ann), headers=headers) as answer:
            assert answer.status == 401


async def test_lists_hold_what_is_ones_own(house: House) -> None:
    ann, bob = await settled(house, "ann"), await settled(house, "bob")
    for who, own in (("ann", ann), ("bob", bob)):
        async with house.client(who) as client:
            assert [each.id async for each in client.files.list()] == [own.file_id]
            assert [each.id async for each in client.vector_stores.list()] == [own.vector_store_id]


async def test_who_may_search_may_open_and_change_nothing(house: House) -> None:
    ann = await settled(house, "ann")
    archive = house.library.archive
    [collection] = archive.collections()
    archive.change(replace(collection, readers=frozenset({house.key_id("bob")})))
    async with house.client("bob") as client:
        [hit] = (await client.vector_stores.search("of ann", query="xylophone")).data
        assert (await client.files.content(hit.file_id)).content == SECRET
        assert (await client.files.retrieve(hit.file_id)).filename == "secret.txt"
        assert [each.id async for each in client.files.list()] == []
        for change in (
            client.vector_stores.delete(ann.vector_store_id),
            client.vector_stores.update(ann.vector_store_id, name="mine"),
            client.vector_stores.files.delete(ann.file_id, vector_store_id=ann.vector_store_id),
            client.files.delete(ann.file_id),
        ):
            with pytest.raises(openai.NotFoundError):
                await change


async def test_a_key_of_another_owner_searches_by_name_its_own(house: House) -> None:
    """Two of one name: each finds its own, and the filter or the id of another helps nobody."""
    for who in ("ann", "bob"):
        async with house.client(who) as client:
            store = await client.vector_stores.create(name="notes")
            await house.put(store.id, f"{who}.txt", f"The drift as {who} saw it.".encode(), who)
    for who in ("ann", "bob"):
        async with house.client(who) as client:
            found = await client.vector_stores.search("notes", query="drift")
            assert [each.filename for each in found.data] == [f"{who}.txt"]


async def test_where_no_library_is_every_route_says_so() -> None:
    from kanoa_mlops.gateway.app import make_app
    from kanoa_mlops.gateway.backends import Backends
    from kanoa_mlops.gateway.server import start_gateway

    app = make_app(Backends(), figures=None, max_body_bytes=10**6, version="1")
    gateway = await start_gateway(app, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        for operation in OPERATIONS:
            method, path = operation.split()
            async with session.request(method, gateway.url + path) as answer:
                error = (await answer.json())["error"]
                assert (answer.status, error["code"]) == (404, "no_library"), operation
                assert "pip install" in error["message"]
    await gateway.stop(0)
