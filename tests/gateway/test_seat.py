"""What a provider allows is used by what is sent there, and by nothing else."""

from __future__ import annotations

import asyncio

import pytest

from kanoa_mlops.gateway.policy.allowance import Limit
from tests.fakes.engine import FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import OpenDoor
from tests.gateway.reserving import Slowly
from tests.gateway.test_bursting import Scene, a_scene, hosted, provider
from tests.gateway.test_leaving import until
from tests.gateway.test_pools import code, free_port
from tests.gateway.test_reception import Office, office

__all__ = ["office", "provider"]  # the fixtures

DAILY: dict[Limit, int] = {"requests_per_day": 2, "tokens_per_day": 1000}


def used(scene: Scene) -> dict[str, float]:
    post = scene.door.app.dispatcher._line("smollm2").posts["hugging-face"]
    return {str(name): level for name, level in post.allowance.used.items()}


async def test_what_is_answered_is_used_as_it_was_counted(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    scene = await a_scene(engine, open_door, office, hosted(provider, limits=DAILY))
    assert (await scene.ask(burst="require")).status == 200
    counted = provider.answered[0]
    tokens = counted["prompt_tokens"] + counted["completion_tokens"]
    await until(lambda: used(scene) == {"requests_per_day": 1, "tokens_per_day": tokens})


async def test_what_there_is_no_money_for_uses_nothing(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    scene = await a_scene(engine, open_door, office, hosted(provider, limits=DAILY, micro_per_day=1))
    refused = [await scene.ask(burst="require") for _ in range(4)]
    assert {(each.status, code(each)) for each in refused} == {(429, "budget_spent")}
    assert used(scene) == {"requests_per_day": 0, "tokens_per_day": 0}
    scene.door.backends.put(hosted(provider, limits=DAILY))
    assert (await scene.ask(burst="require")).status == 200


async def test_what_reached_nobody_uses_nothing(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> None:
    nobody = hosted(provider, limits=DAILY, base_url=f"http://127.0.0.1:{free_port()}")
    scene = await a_scene(engine, open_door, office, nobody)
    assert code(await scene.ask(burst="require")) == "engine_unreachable"
    assert used(scene) == {"requests_per_day": 0, "tokens_per_day": 0}


async def test_what_was_sent_is_used_though_nothing_was_answered(
    engine: FakeEngine, open_door: OpenDoor, office: Office
) -> None:
    async with FakeEngine(always="cut before headers") as gone:
        scene = await a_scene(engine, open_door, office, hosted(gone, limits=DAILY))
        assert code(await scene.ask(burst="require")) == "engine_ended"
    assert used(scene)["requests_per_day"] == 1
    assert used(scene)["tokens_per_day"] >= 100


async def test_who_leaves_while_money_is_set_aside_uses_nothing(
    engine: FakeEngine,
    provider: FakeProvider,
    open_door: OpenDoor,
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = await a_scene(engine, open_door, office, hosted(provider, limits=DAILY))
    slowly = Slowly(office, monkeypatch)
    asking = asyncio.create_task(scene.ask(burst="require"))
    await until(slowly.begun.is_set)
    assert used(scene)["requests_per_day"] == 1, "others must not count on it meanwhile"
    asking.cancel()
    await until(lambda: not scene.door.app.in_flight._running)
    slowly.go.set()
    await until(lambda: bool(slowly.made))
    assert used(scene) == {"requests_per_day": 0, "tokens_per_day": 0}
    assert provider.asked == 0
