"""What is made with the first who asks."""

from __future__ import annotations

import asyncio
import threading

import pytest

from kanoa_mlops.gateway.once import Once


async def test_it_is_made_once_for_all_who_wait_while_the_loop_runs_on() -> None:
    may, made = threading.Event(), []

    def make() -> object:
        assert may.wait(20)
        made.append(object())
        return made[-1]

    once = Once(make)
    asking = [asyncio.create_task(once.get()) for _ in range(5)]
    await asyncio.sleep(0)
    assert once.made is None
    may.set()
    found = await asyncio.gather(*asking, once.get())
    assert found == made * 6
    assert once.made is await once.get() is made[0]


async def test_who_leaves_takes_it_from_nobody() -> None:
    may = threading.Event()
    once = Once(lambda: may.wait(20))
    first, second = (asyncio.create_task(once.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may.set()
    assert await second
    assert (await asyncio.gather(first, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_what_fails_is_made_anew() -> None:
    tries = iter([False, True])

    def make() -> str:
        if next(tries):
            return "there"
        raise OSError("no")

    once = Once(make)
    with pytest.raises(OSError, match="no"):
        await once.get()
    assert await once.get() == "there"
