"""The architectures of the mission on the real vLLM, with the flags of our own launches.

Each boots once, small (`shrunken.py`), and answers through the gateway. Not here:

* Llama 3.2 Vision: vLLM took it out after 0.10.2, which the catalog says and `test_registry.py` holds.
* Molmo: its configuration and processor are Python code in its makers' repository on the hub.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterator
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
from kanoa_mlops.catalog.types import AreaTokens
from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.planner.images import most_image_tokens
from kanoa_mlops.runtime.words import parse_paged
from tests.vllm.architectures import GEMMA_3, GPT_OSS, LLAVA, QWEN3_VL
from tests.vllm.scripted import ANALYSIS, FINAL, TEXT
from tests.vllm.serving import Served, served
from tests.vllm.shrunken import Shrunken

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(500)]

_MARKS = 5
"""More tokens no model sets around an image."""
_FUNCTION = {"name": "rain", "description": "Rain of a city.", "parameters": {"type": "object"}}


@pytest.fixture
def figure() -> Iterator[Figure]:
    drawn = draw_projectile()
    yield drawn
    plt.close(drawn)


def content(figure: Figure, count: int) -> list[Any]:
    """A question about so many pictures of it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    url = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    picture = {"type": "image_url", "image_url": {"url": url}}
    return [*[picture] * count, {"type": "text", "text": "What does it show?"}]


async def ask(one: Served, content: list[Any], **changes: Any) -> Any:
    asked: Any = {"model": one.model.id, "messages": [{"role": "user", "content": content}], "max_tokens": 4}
    return await one.client.chat.completions.create(**asked | changes)


@pytest.mark.parametrize("shrunken", [GEMMA_3, LLAVA, QWEN3_VL], ids=lambda each: each.model)
async def test_it_sees_as_many_figures_as_planned(
    shrunken: Shrunken, smollm2_folder: Path, tmp_path: Path, catalog: Catalog, figure: Figure
) -> None:
    async with served(shrunken, smollm2_folder, tmp_path, catalog) as one:
        assert one.plan.images == 1
        without, seen = [(await ask(one, content(figure, count))).usage for count in (0, 1)]
        assert seen.completion_tokens == 4
        _assert_planned_tokens(one, seen.prompt_tokens - without.prompt_tokens)
        with pytest.raises(openai.BadRequestError, match=r"takes 1 image a request here") as caught:
            await ask(one, content(figure, 2))
        assert caught.value.code == "too_many_images"
        film = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
        with pytest.raises(openai.BadRequestError, match="takes no video here"):
            await ask(one, [film])
        await asyncio.to_thread(_kanoa_interprets, one, figure)
        _assert_cache_as_planned(one)


def _assert_planned_tokens(one: Served, tokens: int) -> None:
    vision = one.model.vision
    assert vision
    least = most = most_image_tokens(vision)
    if isinstance(vision.image_tokens, AreaTokens):
        least = vision.image_tokens.least
    assert least <= tokens <= most + _MARKS


def _kanoa_interprets(one: Served, figure: Figure) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=str(one.client.base_url), model=one.model.id, api_key="local", max_tokens=6
    )
    result = interpreter.interpret(fig=figure, stream=False, display_result=False)
    assert result.text
    assert result.usage.output_tokens == 6


def _assert_cache_as_planned(one: Served) -> None:
    """What is written by vLLM of its pages is what was planned, to the token."""
    assert parse_paged(one.log.read_text()).tokens == one.plan.context * one.plan.sequences


async def test_gpt_oss_thinks_apart_from_its_answer(
    smollm2_folder: Path, tmp_path: Path, catalog: Catalog
) -> None:
    async with served(GPT_OSS, smollm2_folder, tmp_path, catalog) as one:
        text = [{"type": "text", "text": "What does it show?"}]
        always: Any = {"temperature": 0, "max_tokens": 40}
        # To speak in the other channel.
        final: Any = {"logit_bias": {str(ANALYSIS): -100, str(FINAL): 50}}
        thought = (await ask(one, text, **always)).choices[0]
        assert (thought.message.reasoning, thought.message.content) == (TEXT, None)
        answer = (await ask(one, text, **always, **final)).choices[0]
        assert (answer.message.reasoning, answer.message.content) == (None, TEXT)
        assert (thought.finish_reason, answer.finish_reason) == ("stop", "stop")
        pieces = [each async for each in await ask(one, text, **always, stream=True)]
        deltas = [each.choices[0].delta for each in pieces if each.choices]
        assert "".join(getattr(delta, "reasoning", None) or "" for delta in deltas) == TEXT
        assert not any(delta.content for delta in deltas)
        # Without its parser vLLM would refuse this.
        tools: Any = {"tools": [{"type": "function", "function": _FUNCTION}], "tool_choice": "auto"}
        offered = await ask(one, text, **always, **final, **tools)
        assert offered.choices[0].message.content == TEXT
        assert offered.usage.prompt_tokens > 80
        _assert_cache_as_planned(one)
