"""A front door described in a file, and what a wrong one is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.config import backend_of, read_config
from kanoa_mlops.gateway.watch import watch

GOOD = """\
backends:
  - model: gemma-3-12b-it
    aliases: [gemma, vision]
    url: http://gemma:8000
    engine: vllm
    sees: true
    context: 32768
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.yaml"
    path.write_text(text)
    return path


def test_every_field_reaches_the_backend(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    text = GOOD + f"    key_file: {tmp_path / 'key'}\n    upstream_model: other\n"
    [config] = read_config(written(tmp_path, text)).backends
    backend = backend_of(config)
    assert backend.url == "http://gemma:8000"
    assert backend.headers == {"Authorization": "Bearer secret"}
    assert (backend.engine_model, backend.sees, backend.context_tokens) == ("other", True, 32768)
    assert backend.state == "loading"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backends: []", "backends"),
        (GOOD + "    colour: red\n", "backends.0.colour"),
        (GOOD.replace("http://gemma:8000", "gemma"), "backends.0.url"),
        (GOOD.replace("32768", "0"), "backends.0.context"),
        (GOOD + GOOD.removeprefix("backends:\n").replace("gemma-3-12b-it", "Gemma"), "'gemma'"),
        ("backends: [", "not YAML"),
        ("- a", "the file"),
    ],
)
def test_a_wrong_file_is_refused_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        read_config(path)
    assert str(path) in refused.value.message
    assert words in refused.value.message


def test_a_missing_file_or_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml"):
        read_config(tmp_path / "none.yaml")
    [config] = read_config(written(tmp_path, GOOD + f"    key_file: {tmp_path / 'key'}\n")).backends
    with pytest.raises(SettingsError, match="The key of gemma-3-12b-it"):
        backend_of(config)


async def test_states_follow_the_engine(tmp_path: Path) -> None:
    status = 503

    async def health(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    [config] = read_config(written(tmp_path, GOOD.replace("http://gemma:8000", url))).backends
    backends = Backends([backend_of(config)])
    watching = asyncio.create_task(watch(backends, [config], every_seconds=0.02))

    async def until(state: str) -> str:
        async with asyncio.timeout(20):
            # Before the first answer it is loading for no reason.
            while backends.all()[0].state != state or bool(backends.all()[0].reason) == (state == "ready"):
                await asyncio.sleep(0.01)
        return backends.all()[0].reason

    try:
        assert "loads the model" in await until("loading")
        status = 200
        assert not await until("ready")
        status = 500
        assert "HTTP 500" in await until("down")
        status = 200
        await until("ready")
        await runner.cleanup()
        assert "not reached" in await until("down")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()
