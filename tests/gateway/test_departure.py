"""A gateway that is stopped tells the balancer first, and answers on until it knows."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from kanoa_mlops.gateway.departure import NOTICE_HEADER
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.test_leaving import until

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_who_wants_notice_is_told_and_everybody_is_answered(door: Door, path: str) -> None:
    watcher = {NOTICE_HEADER: "1"}
    assert (await door.get(path, headers=watcher)).status == 200
    stop = asyncio.create_task(door.gateway.stop(grace_seconds=30))
    await asyncio.sleep(0)  # it has begun
    told = await door.get(path, headers=watcher)
    assert told.status == 503
    assert told.headers["content-length"] == str(len(told.body))
    assert json.loads(told.body)["error"]["code"] == "gateway_stopping"
    assert (await door.get(path)).status == 200, "who watches for something else is told as before"
    async with aiohttp.ClientSession() as fresh, fresh.get(door.url + "/v1/models") as answer:
        assert answer.status == 200, "a new connection is taken too"
    assert (await door.chat("hi")).status == 200
    await stop
    with pytest.raises(aiohttp.ClientError):
        await door.chat("hi")


@pytest.mark.parametrize("header", [{}, {NOTICE_HEADER: "soon"}, {NOTICE_HEADER: "-1"}, {NOTICE_HEADER: "0"}])
async def test_nobody_is_waited_for_who_does_not_want_it(door: Door, header: dict[str, str]) -> None:
    assert (await door.get("/", headers=header)).status == 200
    async with asyncio.timeout(10):
        await door.gateway.stop(grace_seconds=3600)


@pytest.mark.parametrize("seconds", ["15", "9" * 400])
async def test_notice_is_of_the_grace_that_is_given(
    engine: FakeEngine, open_door: OpenDoor, seconds: str
) -> None:
    door = await open_door(backend(engine.url))
    assert (await door.get("/", headers={NOTICE_HEADER: seconds})).status == 200
    streaming = asyncio.create_task(door.chat("talk forever", stream=True))
    await until(lambda: engine.running == 1)
    async with asyncio.timeout(10):
        await door.gateway.stop(grace_seconds=0.1)
    assert "gateway_stopping" in (await streaming).text
