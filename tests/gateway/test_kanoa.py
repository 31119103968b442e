"""The real kanoa, unchanged: what it is told, and what it makes of a request that fails."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from kanoa import AnalyticsInterpreter

from tests.fakes.engine import WORDS, FakeEngine
from tests.gateway.conftest import Door

ANSWER = "".join(WORDS)


def interpreter(door: Door, model: str = "tiny") -> Any:
    return AnalyticsInterpreter(
        backend="openai", api_base=f"{door.url}/v1", model=model, api_key="local", max_tokens=60
    )


async def interpreted(door: Door, *, stream: bool, model: str = "tiny") -> tuple[str, Any]:
    """The text, and the usage."""

    def ask() -> tuple[str, Any]:
        asked = {"data": "1 2 3", "stream": stream, "display_result": False}
        found = interpreter(door, model).interpret(**asked)
        if not stream:
            return found.text, found.usage
        chunks = list(found)
        return "".join(each.content for each in chunks if each.type == "text"), chunks[-1].usage

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("stream", [True, False])
async def test_it_works_unchanged(door: Door, stream: bool) -> None:
    text, usage = await interpreted(door, stream=stream)
    assert text.strip() == ANSWER
    assert (usage.input_tokens, usage.output_tokens) == (7, 4)


@pytest.mark.parametrize("stream", [True, False])
async def test_what_fails_says_why(door: Door, engine: FakeEngine, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean tiny"):
        await interpreted(door, stream=stream, model="tinny")
    engine.always = "too long"
    with pytest.raises(openai.BadRequestError, match="has 9031 tokens, and smollm2 takes 4096 here"):
        await interpreted(door, stream=stream)
    engine.always = "cut mid-event"
    with pytest.raises(openai.APIError, match="stopped in the middle of its answer"):
        await interpreted(door, stream=stream)
    assert engine.running == 0
