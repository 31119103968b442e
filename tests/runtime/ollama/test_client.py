"""The way to a daemon that is not there, or is something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from kanoa_mlops.errors import OllamaAbsent, OllamaRefused
from kanoa_mlops.runtime.ollama.answers import Shown, same_name
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ports import free_port
from tests.fakes.ollama import FakeOllama


async def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with OllamaClient(url) as client:
        with pytest.raises(OllamaAbsent, match=f"No Ollama answers at {url}") as caught:
            await client.version()
    assert "ollama serve" in caught.value.hint
    assert caught.value.exit_code == 1


async def test_somebody_else_there() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with OllamaClient(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            with pytest.raises(OllamaAbsent, match="is not Ollama") as caught:
                await client.version()
        assert "OLLAMA_HOST" in caught.value.hint
    finally:
        await runner.cleanup()


async def test_a_refusal_carries_its_words(client: OllamaClient) -> None:
    with pytest.raises(OllamaRefused, match="model 'absent' not found") as caught:
        await client.load("absent")
    assert caught.value.status == 404


async def test_a_file_whose_bytes_changed_is_refused(client: OllamaClient, tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(OllamaRefused, match="digest mismatch"):
        await client.upload(file, f"sha256:{'0' * 64}")


async def test_the_door_is_closed_behind_it(daemon: FakeOllama) -> None:
    async with OllamaClient(daemon.url) as client:
        assert await client.version() == "0.32.1"
    assert daemon.requests == [("GET", "/api/version")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gemma3", "gemma3:latest", True),
        ("Gemma3:12b", "gemma3:12b", True),
        ("registry.ollama.ai/library/gemma3:12b", "gemma3:12b", True),
        ("kanoa-mlops/gemma3:12b", "gemma3:12b", False),
        ("nas:5000/me/gemma3", "nas:5000/me/gemma3:latest", True),
        ("gemma3:12b", "gemma3:4b", False),
    ],
)
def test_when_two_names_are_one(one: str, other: str, same: bool) -> None:
    assert same_name(one, other) is same


def test_numbers_are_read_as_go_prints_them() -> None:
    shown = Shown(parameters='stop       "<end>"\nnum_ctx    1.048576e+06\nrepeat_penalty   1.1\ntop_k 64\n')
    assert shown.numbers == {"num_ctx": 1048576, "repeat_penalty": 1.1, "top_k": 64}
