"""What is asked: half a page of text, alone or with a figure, as people ask about figures.

No two prompts begin alike, in one run or in two: engines keep the beginnings they have computed, and
the time to the first token would be that of a prompt that was never read.
"""

from __future__ import annotations

import base64
import random
import secrets
from collections.abc import Sequence

from kanoa_mlops.bench.figure import draw_figure
from kanoa_mlops.bench.level import Prompt
from kanoa_mlops.bench.load import Message

_VOCABULARY = """
the a of and in to with from over under after before between river valley station sensor sample
signal model series table figure curve slope mean error range month year morning pressure wind
temperature water soil plant market price volume order report method result rises falls remains
changes shows measures explains suggests depends increases small large early late steady strong weak
"""
_TEXT_WORDS = 430
"""About 500 tokens: what the planner's time to the first token is for, with a figure or without."""
_TEXT_TASK = "Continue this report in the same style, as long as you can."
_FIGURE_TASK = "Describe this figure in every detail: its axes, its curve, and what it may mean."


def prompts(kind: Prompt, count: int) -> Sequence[Message]:
    """So many, each another."""
    make = _text if kind == "text" else _figure
    return [make(random.Random(secrets.token_bytes(16))) for _ in range(count)]


def _text(chance: random.Random) -> Message:
    return {"role": "user", "content": _page(chance, _TEXT_TASK)}


def _figure(chance: random.Random) -> Message:
    image = base64.b64encode(draw_figure(chance)).decode("ascii")
    return {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
            {"type": "text", "text": _page(chance, _FIGURE_TASK)},
        ],
    }


def _page(chance: random.Random, task: str) -> str:
    words = " ".join(chance.choices(_VOCABULARY.split(), k=_TEXT_WORDS))
    return f"Report {chance.randrange(10**9)}. {words}.\n\n{task}"
