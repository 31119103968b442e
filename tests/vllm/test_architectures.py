"""The architectures of the mission on the real vLLM, with the flags of our own launches.

Each boots once, small (`architectures.py`), and answers through the gateway. Two boot at a time: a boot is
mostly imports, one after the other.

Llama 3.2 Vision is not here: vLLM took it out after 0.10.2, which the catalog says and `test_registry.py`
holds. Molmo's processor is Python code in its makers' repository, which vLLM runs where we tell it to; here
code of ours stands for it (`molmo_code`).
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import openai
import pytest
from kanoa import AnalyticsInterpreter
from matplotlib.figure import Figure

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import AreaTokens, TiledTokens
from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.planner.images import image_tokens, most_image_tokens
from kanoa_mlops.runtime.words import parse_paged
from tests.vllm.architectures import GEMMA_3, GPT_OSS, LLAVA, MOLMO, QWEN3_VL
from tests.vllm.scripted import ANALYSIS, FINAL, TEXT
from tests.vllm.serving import Served, served
from tests.vllm.shrunken import Shrunken

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1500)]

_AT_ONCE = 2
_MARKS = 5
"""More tokens no model sets around an image."""
_TEXT = {"type": "text", "text": "What does it show?"}
_FILM = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
_FUNCTION = {"name": "rain", "description": "Rain of a city.", "parameters": {"type": "object"}}


async def test_each_answers_as_planned(smollm2_folder: Path, tmp_path: Path, catalog: Catalog) -> None:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def try_out(shrunken: Shrunken, check: Callable[[Served], Awaitable[None]]) -> None:
        room = tmp_path / shrunken.model
        try:
            async with turns, served(shrunken, smollm2_folder, room, catalog) as one:
                await check(one)
                # What vLLM writes of its pages is what was planned, to the token.
                assert parse_paged(one.log.read_text()).tokens == one.plan.context * one.plan.sequences
        except Exception as error:
            error.add_note(f"with {shrunken.model}")
            raise

    async with asyncio.TaskGroup() as group:
        for shrunken in (MOLMO, GEMMA_3, LLAVA, QWEN3_VL):
            group.create_task(try_out(shrunken, _sees))
        group.create_task(try_out(GPT_OSS, _thinks_apart_from_its_answer))


async def _sees(one: Served) -> None:
    figure = draw_projectile()
    assert one.plan.images == 1
    without, seen = [(await ask(one, [*pictures(figure, count), _TEXT])).usage for count in (0, 1)]
    assert seen.completion_tokens == 4
    _assert_planned_tokens(one, seen.prompt_tokens - without.prompt_tokens)
    with pytest.raises(openai.BadRequestError, match=r"takes 1 image a request here") as caught:
        await ask(one, [*pictures(figure, 2), _TEXT])
    assert caught.value.code == "too_many_images"
    with pytest.raises(openai.BadRequestError, match="takes no video here"):
        await ask(one, [_FILM])
    await asyncio.to_thread(_kanoa_interprets, one, figure)
    plt.close(figure)


def _assert_planned_tokens(one: Served, tokens: int) -> None:
    vision = one.model.vision
    assert vision
    least = most = most_image_tokens(vision)
    match vision.image_tokens:
        case AreaTokens():
            least = vision.image_tokens.least
        case TiledTokens():  # of which there is one here
            least = most = image_tokens(vision, 1, 1)
    assert least <= tokens <= most + _MARKS


def _kanoa_interprets(one: Served, figure: Figure) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=str(one.client.base_url), model=one.model.id, api_key="local", max_tokens=6
    )
    result = interpreter.interpret(fig=figure, stream=False, display_result=False)
    assert result.text
    assert result.usage.output_tokens == 6


async def _thinks_apart_from_its_answer(one: Served) -> None:
    always: Any = {"temperature": 0, "max_tokens": 40}
    # To speak in the other channel.
    final: Any = {"logit_bias": {str(ANALYSIS): -100, str(FINAL): 50}}
    thought = (await ask(one, [_TEXT], **always)).choices[0]
    assert (thought.message.reasoning, thought.message.content) == (TEXT, None)
    answer = (await ask(one, [_TEXT], **always, **final)).choices[0]
    assert (answer.message.reasoning, answer.message.content) == (None, TEXT)
    assert (thought.finish_reason, answer.finish_reason) == ("stop", "stop")
    pieces = [each async for each in await ask(one, [_TEXT], **always, stream=True)]
    deltas = [each.choices[0].delta for each in pieces if each.choices]
    assert "".join(getattr(delta, "reasoning", None) or "" for delta in deltas) == TEXT
    assert not any(delta.content for delta in deltas)
    # Without its parser vLLM would refuse this.
    tools: Any = {"tools": [{"type": "function", "function": _FUNCTION}], "tool_choice": "auto"}
    offered = await ask(one, [_TEXT], **always, **final, **tools)
    assert offered.choices[0].message.content == TEXT
    assert offered.usage.prompt_tokens > 80


async def ask(one: Served, content: list[Any], **changes: Any) -> Any:
    asked: Any = {"model": one.model.id, "messages": [{"role": "user", "content": content}], "max_tokens": 4}
    return await one.client.chat.completions.create(**asked | changes)


def pictures(figure: Figure, count: int) -> list[Any]:
    """So many of it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return [{"type": "image_url", "image_url": {"url": url}}] * count
