"""Whatever breaks, a client is told; nothing hangs, is answered twice, or is paid for twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.line import Terms
from tests.gateway.faults.page import PAGE, page
from tests.gateway.faults.rows import FAULTS, Fault
from tests.gateway.faults.scenes import DAY
from tests.gateway.faults.stage import SETTINGS, Setting, Stage, a_stage
from tests.gateway.test_leaving import until
from tests.gateway.test_pools import code

_PLAYED = [(fault, setting) for fault in FAULTS for setting in SETTINGS if fault.seen(setting)]


@pytest.mark.parametrize(
    ("fault", "setting"), _PLAYED, ids=[f"{fault.what}, {setting}" for fault, setting in _PLAYED]
)
async def test_a_fault(
    fault: Fault, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage(setting, tmp_path, monkeypatch, **fault.limits) as stage:
        assert await fault.play(stage) == fault.seen(setting)
        assert stage.left() == (0, 0, 0)


def test_the_page_says_what_was_seen() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.gateway.faults.page`"


async def test_what_is_paid_for_is_not_sent_again_on_another_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage("paid", tmp_path, monkeypatch) as stage:
        await stage.open()
        await stage.ask()
        stage.engine.always = "cut before headers"  # on the connection that was kept
        assert code(await stage.ask()) == "engine_ended"
        assert (len(stage.engine.received), len(stage.other.received)) == (2, 0)


async def test_a_client_that_leaves_while_money_is_set_aside_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage("paid", tmp_path, monkeypatch) as stage:
        await stage.open()
        going_on, made = _slow_books(stage, monkeypatch)
        asking = asyncio.create_task(stage.ask())
        await until(lambda: stage.left()[0] == 1)
        asking.cancel()
        await until(lambda: stage.left()[0] == 0)
        going_on.set()
        await until(lambda: bool(made) and stage.left() == (0, 0, 0))
        assert stage.engine.received == []


async def test_a_client_that_leaves_as_its_turn_comes_leaves_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage("alone", tmp_path, monkeypatch, silent_seconds=0.01) as stage:
        await stage.open(slots=1)
        for _ in range(20):
            stage.engine.always = "stall mid-stream"
            holding = asyncio.create_task(stage.ask(stream=True))
            await until(lambda: stage.engine.running == 1)
            begun = asyncio.Semaphore(0)
            waiting = asyncio.create_task(stage.follow(begun))
            await asyncio.wait_for(begun.acquire(), 60)  # its first comment
            assert stage.door.queued == 1
            for each in (holding, waiting):
                each.cancel()
            await asyncio.gather(holding, waiting, return_exceptions=True)
            await until(lambda: stage.left() == (0, 0, 0))
        stage.engine.always = ""
        assert (await stage.ask()).status == 200


@pytest.mark.parametrize("cap", ["dollars", "requests"])
async def test_a_day_renews_what_may_be_used_and_going_back_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    async with a_stage("paid", tmp_path, monkeypatch) as stage:
        move = _clock(monkeypatch)
        # An answer costs 2 micro-dollars, and 40 or so are set aside for it.
        await stage.open(
            hosted={"micro_per_day": 60} if cap == "dollars" else {"limits": {"requests_per_day": 8}}
        )
        today = await _good(stage)
        assert today > 0
        move(DAY)
        tomorrow = await _good(stage)
        assert tomorrow == today
        move(-DAY)
        assert await _good(stage) == 0
        move(DAY)
        assert await _good(stage) == 0
        assert stage.left() == (0, 0, 0)


async def test_a_pause_that_a_provider_asks_for_is_no_shorter_by_the_time_of_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_stage("alone", tmp_path, monkeypatch, terms=Terms(queue_seconds=1)) as stage:
        move = _clock(monkeypatch)
        stage.engine.always = "limited"
        await stage.open()
        await stage.ask()
        for jump in (DAY, -2 * DAY):
            move(jump)
            refused = await stage.ask()
            assert (refused.status, code(refused)) == (503, "model_rate_limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 7
        assert len(stage.engine.received) == 1


async def _good(stage: Stage) -> int:
    """Answers until there are none."""
    for count in range(40):
        if (await stage.ask()).status != 200:
            return count
    raise AssertionError("nothing bounds it")


def _clock(patches: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the time of day; and from now on it stands at noon, lest a day ends."""
    now = time.time() // DAY * DAY + DAY / 2

    def move(seconds: float) -> None:
        nonlocal now
        now += seconds

    patches.setattr(time, "time", lambda: now)
    return move


def _slow_books(
    stage: Stage, patches: pytest.MonkeyPatch
) -> tuple[threading.Event, list[Reservation | Refusal]]:
    """They set money aside when they are told to go on."""
    going_on, made = threading.Event(), list[Reservation | Refusal]()
    reserve = stage.books.reserve

    def slowly(*asked: object, **more: object) -> Reservation | Refusal:
        going_on.wait(60)
        made.append(reserve(*asked, **more))  # type: ignore[arg-type]
        return made[-1]

    patches.setattr(stage.books, "reserve", slowly)
    return going_on, made
