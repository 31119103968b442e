"""The fake daemon as Ollama's own Python client finds it: what it cannot tell apart, our tests may trust."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import ollama
import pytest

from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB
from tests.runtime.ollama.conftest import TAG


@pytest.fixture
async def official(daemon: FakeOllama) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(daemon.url) as client:
        yield client


async def test_a_pull_is_told_layer_by_layer(official: ollama.AsyncClient) -> None:
    told = [each async for each in await official.pull(TAG, stream=True)]
    assert (told[0].status, told[-1].status) == ("pulling manifest", "success")
    weights = [each for each in told if each.total == 8 * GIB]
    assert weights[-1].completed == 8 * GIB
    [listed] = (await official.list()).models
    assert (listed.model, listed.details and listed.details.format) == (TAG, "gguf")


async def test_a_pull_in_one_answer(official: ollama.AsyncClient) -> None:
    assert (await official.pull(TAG)).status == "success"


async def test_a_derived_model_has_its_numbers_and_inherits_the_rest(official: ollama.AsyncClient) -> None:
    await official.pull(TAG)
    made = await official.create("mine/gemma3", from_=TAG, parameters={"num_ctx": 8192, "temperature": 0.5})
    assert made.status == "success"
    shown = await official.show("mine/gemma3")
    lines = dict(line.split() for line in (shown.parameters or "").splitlines())
    assert lines == {"stop": '"<end>"', "temperature": "0.5", "num_ctx": "8192"}
    assert shown.capabilities == ["completion", "vision"]


async def test_loaded_for_ever_and_put_out(official: ollama.AsyncClient) -> None:
    await official.pull(TAG)
    assert (await official.generate(TAG, keep_alive=-1)).done_reason == "load"
    [running] = (await official.ps()).models
    assert (running.name, running.context_length, running.size_vram) == (TAG, 4096, running.size)
    assert running.expires_at is not None
    assert running.expires_at.year > 2300
    assert (await official.generate(TAG, keep_alive=0)).done_reason == "unload"
    assert not (await official.ps()).models


async def test_it_answers_about_an_image(official: ollama.AsyncClient) -> None:
    await official.pull(TAG)
    picture = ollama.Image(value=b"\x89PNG")
    asked = [ollama.Message(role="user", content="What does it show?", images=[picture])]
    assert (await official.chat(TAG, asked)).message.content == "The sales rise."
    parts = [each async for each in await official.chat(TAG, asked, stream=True)]
    assert "".join(each.message.content or "" for each in parts) == "The sales rise."
    assert (parts[-1].done, parts[-1].eval_count) == (True, 4)


async def test_a_file_becomes_a_model(official: ollama.AsyncClient, tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    digest = await official.create_blob(file)
    assert digest == f"sha256:{hashlib.sha256(b'GGUF').hexdigest()}"
    await official.create("tiny", files={"tiny.gguf": digest})
    assert [each.model for each in (await official.list()).models] == ["tiny:latest"]


async def test_copied_and_deleted(official: ollama.AsyncClient) -> None:
    await official.pull(TAG)
    assert (await official.copy(TAG, "other")).status == "success"
    assert (await official.delete(TAG)).status == "success"
    assert [each.model for each in (await official.list()).models] == ["other:latest"]


@pytest.mark.parametrize(("name", "status"), [("absent", 404), ("no such name", 400)])
async def test_a_model_that_is_not_there(official: ollama.AsyncClient, name: str, status: int) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        await official.show(name)
    assert caught.value.status_code == status


async def test_an_error_within_a_stream_raises(official: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist"):
        [each async for each in await official.pull("absent:1b", stream=True)]
