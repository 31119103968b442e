"""A gateway before another, before a real llama.cpp: what the one behind counts is known in front."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.watch import Watch
from tests.conftest import real_engine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.test_reception import Office, office

__all__ = ["office"]  # the fixture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def counting_engine(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_engine(weights_file, tmp_path_factory.mktemp("engine"), "--metrics") as url:
        yield url


@pytest.mark.parametrize("route", ["chat/completions", "completions"])
@pytest.mark.parametrize("engine", ["llama.cpp", "kanoa-mlops"])
async def test_a_streams_tokens_are_those_that_the_engine_counted(
    counting_engine: str, open_door: OpenDoor, office: Office, engine: str, route: str
) -> None:
    """Though the client does not ask for them, and hears nothing of them."""
    url = counting_engine
    if engine == "kanoa-mlops":
        url = (await open_door(backend(url, engine_key=""))).gateway.url
    front = await open_door(
        backend(url, engine=engine, engine_key=""), reception=Reception(office.books, False)
    )
    asked: dict[str, Any] = {"model": "smollm2", "max_tokens": 7, "temperature": 0}
    asked |= (
        {"prompt": "A B C"} if route == "completions" else {"messages": [{"role": "user", "content": "A"}]}
    )
    whole = json.loads((await front.post(f"/v1/{route}", asked)).text)["usage"]
    answer = await front.post(f"/v1/{route}", asked | {"stream": True})
    assert '"choices":[]' not in answer.text.replace(" ", "")
    assert answer.text.endswith("data: [DONE]\n\n")
    [day] = office.totals(Dimension.TIER)
    assert (day.requests, day.estimated) == (2, 0)
    assert day.prompt_tokens == 2 * whole["prompt_tokens"]
    assert day.completion_tokens == 2 * whole["completion_tokens"]


async def test_its_counters_are_read_as_those_of_an_engine(counting_engine: str, open_door: OpenDoor) -> None:
    behind = await open_door(backend(counting_engine, engine_key=""))
    front = await open_door(backend(behind.gateway.url, engine="kanoa-mlops", engine_key=""))
    before = await _read(behind, front)
    assert (await front.chat("hi", max_tokens=5)).status == 200
    after = await _read(behind, front)
    for field in ("prompt_tokens_total", "generation_tokens_total", "steps_total"):
        assert getattr(after, field) > getattr(before, field), field
    assert (after.running, after.waiting) == (0, 0)


async def _read(*doors: Door) -> Any:
    """The last door's, when each has looked at what is behind it."""
    for door in doors:
        await Watch(door.backends, door.app.traffic, door.app.readings).look("smollm2", "/health")
    [reading] = door.app.readings.all()
    return reading.counters
