"""A model of our own: made once, made anew when it should be another, and forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.engines.ollama import derived_name, ollama_parameters
from kanoa_mlops.errors import OllamaAbsent, OllamaRefused
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.derive import GgufFile, derive, forget
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB, full_name
from tests.runtime.ollama.conftest import MODEL, TAG, plan_for

NAME = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"
NUMBERS = {"num_ctx": 8192}


@pytest.fixture
async def client(client: OllamaClient) -> AsyncIterator[OllamaClient]:
    """The tag is there."""
    async for _ in client.pull(TAG):
        pass
    yield client


def test_the_plan_says_name_and_numbers(planned: Plan) -> None:
    assert derived_name(planned) == NAME
    assert ollama_parameters(planned) == {"num_ctx": 8192}


def test_another_place_is_another_name(catalog: Catalog) -> None:
    wish = Wish(engine="ollama", weights="ollama", context=8192, sequences=2)
    part = plan_for(catalog, wish, card=6 * GIB)
    assert part.resident_layers
    assert derived_name(part) == f"{NAME}-{part.resident_layers}gpu"
    assert ollama_parameters(part)["num_gpu"] == part.resident_layers


async def test_the_numbers_are_carried_and_the_rest_inherited(
    daemon: FakeOllama, client: OllamaClient
) -> None:
    assert await derive(client, NAME, TAG, NUMBERS)
    shown = await client.show(NAME)
    assert shown is not None
    assert shown.numbers == {"temperature": 1.0, "num_ctx": 8192}
    assert len(daemon.store.blobs) == 3  # the weights are there but once


async def test_a_second_time_nothing_is_made(daemon: FakeOllama, client: OllamaClient) -> None:
    await derive(client, NAME, TAG, NUMBERS)
    assert not await derive(client, NAME, TAG, NUMBERS)
    assert daemon.asked("/api/create") == 1


async def test_other_numbers_are_made_anew(daemon: FakeOllama, client: OllamaClient) -> None:
    await derive(client, NAME, TAG, NUMBERS)
    assert await derive(client, NAME, TAG, {"num_ctx": 4096})
    assert daemon.store.find(NAME).parameters["num_ctx"] == 4096


async def test_a_tag_that_was_pulled_anew_is_derived_anew(daemon: FakeOllama, client: OllamaClient) -> None:
    await derive(client, NAME, TAG, NUMBERS)
    daemon.store.publish(TAG, revision=2)
    async for _ in client.pull(TAG):
        pass
    assert await derive(client, NAME, TAG, NUMBERS)
    assert daemon.store.find(NAME).weights == daemon.store.find(TAG).weights


async def test_one_whose_tag_was_removed_still_serves(daemon: FakeOllama, client: OllamaClient) -> None:
    await derive(client, NAME, TAG, NUMBERS)
    await client.delete(TAG)
    assert not await derive(client, NAME, TAG, NUMBERS)


def gguf(folder: Path, name: str) -> GgufFile:
    path = folder / name
    path.write_bytes(b"GGUF" + name.encode())
    return GgufFile(path, hashlib.sha256(path.read_bytes()).hexdigest())


async def test_files_are_copied_once(daemon: FakeOllama, client: OllamaClient, tmp_path: Path) -> None:
    files = (gguf(tmp_path, "model.gguf"), gguf(tmp_path, "mmproj.gguf"))
    assert await derive(client, NAME, files, NUMBERS)
    assert list(daemon.store.find(NAME).layers) == [f"sha256:{file.sha256}" for file in files]
    assert not await derive(client, NAME, files, NUMBERS)
    assert await derive(client, NAME, files, {"num_ctx": 4096})
    uploads = [path for method, path in daemon.requests if method == "POST" and "/blobs/" in path]
    assert len(uploads) == 2


async def test_all_that_was_derived_for_a_model_is_forgotten(
    daemon: FakeOllama, client: OllamaClient
) -> None:
    for name in (NAME, f"{NAME}-30gpu", "kanoa-mlops/gemma-3-12b-it-other:1"):
        await derive(client, name, TAG, NUMBERS)
    assert set(await forget(client, MODEL)) == {NAME, f"{NAME}-30gpu"}
    assert set(daemon.store.models) == {full_name(TAG), full_name("kanoa-mlops/gemma-3-12b-it-other:1")}
    assert await forget(client, MODEL) == ()


async def test_one_that_cannot_be_made(client: OllamaClient) -> None:
    with pytest.raises(OllamaRefused, match="file does not exist"):
        await derive(client, NAME, "absent:1b", NUMBERS)


async def test_a_daemon_that_leaves_while_it_makes_one(daemon: FakeOllama, client: OllamaClient) -> None:
    await daemon.stop()
    with pytest.raises(OllamaAbsent):
        await derive(client, NAME, TAG, NUMBERS)
