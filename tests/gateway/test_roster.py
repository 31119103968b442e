"""The engines of a file, from the moment that it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.config import read_config
from kanoa_mlops.gateway.roster import Listed, Roster, listed
from kanoa_mlops.gateway.watch import Watch
from tests.fakes.listening import listen
from tests.gateway.conftest import OpenDoor
from tests.gateway.test_leaving import until


def a_file(folder: Path, *backends: dict[str, Any]) -> tuple[Listed, ...]:
    path = folder / "gateway.yaml"
    usual = {"model": "smollm2", "engine": "vllm", "context": 4096}
    path.write_text(yaml.safe_dump({"backends": [usual | each for each in backends]}))
    return listed(read_config(path))


@asynccontextmanager
async def slow_to_say(may_say: asyncio.Event) -> AsyncIterator[str]:
    """An engine whose health is told when the test lets it."""

    async def health(request: web.Request) -> web.Response:
        await may_say.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/health", health)
    runner, port = await listen(app)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_until_somebody_has_looked_it_is_unknown(tmp_path: Path, open_door: OpenDoor) -> None:
    may_say = asyncio.Event()
    async with slow_to_say(may_say) as url:
        door = await open_door()
        roster = Roster(door.backends, Watch(door.backends))

        def states() -> list[str]:
            return [each.state for each in door.backends.all()]

        try:
            roster.take(a_file(tmp_path, {"url": url}))
            assert states() == ["unknown"]
            assert '"state": "unknown"' in (await door.get("/status")).text
            health = await door.get("/health")
            assert (health.status, '"status": "unknown"' in health.text) == (503, True)
            may_say.set()
            await until(lambda: states() == ["ready"])
        finally:
            await roster.close()


async def test_what_is_said_of_an_engine_reaches_its_names(tmp_path: Path) -> None:
    [first, second] = a_file(
        tmp_path,
        {"url": "http://127.0.0.1:1", "model": "sees", "sees": True},
        {"url": "http://127.0.0.1:2", "model": "thinks", "reasons": True},
    )
    served = Backends([first.backend, second.backend])
    meant = {name: served.find(name) for name in ("default", "vision", "reasoning")}
    assert {name: each and each.model for name, each in meant.items()} == {
        "default": "sees",
        "vision": "sees",
        "reasoning": "thinks",
    }
