"""Passages that try to be more than data."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.asking.fence import Fence, label
from kanoa_mlops.grounding.asking.harmless import harmless
from kanoa_mlops.grounding.asking.messages import grounded
from kanoa_mlops.grounding.asking.room import estimate, fit
from kanoa_mlops.grounding.types import Passage
from tests.grounding.asking.canaries import CANARIES

FENCE = Fence("a1b2c3d4e5f6")
TAG = re.compile(r"<\s*/?\s*passages", re.IGNORECASE)


def passage(text: str, **fields: Any) -> Passage:
    return Passage(text, **{"source": "a.md", "title": "a.md"} | fields)


@pytest.mark.parametrize("canary", CANARIES)
def test_a_canary_stays_in_its_fence(canary: str) -> None:
    text = FENCE.around([passage(canary, title=canary, heading=canary), passage("harmless")])
    assert_fenced(text, 2)


@given(st.lists(st.text(max_size=60) | st.sampled_from(CANARIES), min_size=1, max_size=4))
def test_no_text_leaves_its_fence(texts: list[str]) -> None:
    assert_fenced(FENCE.around([passage(text, title=text, heading=text) for text in texts]), len(texts))


def assert_fenced(text: str, count: int) -> None:
    """One opening tag, one closing tag, the passages in their order; no tag, turn, mark or link beside."""
    assert TAG.findall(text) == ["<passages", "</passages"]
    assert text.startswith(FENCE.opening)
    assert text.endswith(FENCE.closing)
    inner = text.removeprefix(FENCE.opening).removesuffix(FENCE.closing)
    assert FENCE.nonce not in inner
    heads = re.findall(r"^\[(\d+)\] ", inner, re.MULTILINE)
    assert heads == [str(number) for number in range(1, count + 1)]
    assert not re.search(r"<[|/!?a-zA-Z]", inner)
    assert not re.search(r"\[/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS)\]", inner)
    assert not re.search(r"!\[[^\]]*\]\(|\]\(|https?://|javascript:|data:text", inner)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\U000e0000-\U000e007f\x00-\x08]", inner)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("see ![x](http://evil/?q=1) here", "see x here"),
        ("see [the manual](http://evil) here", "see the manual here"),
        ("see [the manual][1] here", "see [the manual][1] here"),
        ("at https://example.org/a.", "at example.org/a."),
        ("as shown in [12].", "as shown in (12)."),
        ("x[1] = y[2][3]; if a < b and 3 <5", "x[1] = y[2][3]; if a < b and 3 <5"),
        ("1.5 mV, 85 % (n = 3), µm\n\tcell", "1.5 mV, 85 % (n = 3), µm\n\tcell"),
    ],
)
def test_what_is_changed_and_what_is_not(text: str, made: str) -> None:
    assert harmless(text) == made


def test_the_rule_names_the_fence_and_stands_outside() -> None:
    assert FENCE.opening in FENCE.rule
    assert FENCE.closing in FENCE.rule
    told = grounded([{"role": "user", "content": "why?"}], FENCE.rule, FENCE.around([passage("x")]))
    assert told[0] == {"role": "system", "content": FENCE.rule}
    assert FENCE.rule not in told[1]["content"]


def test_a_passage_is_called_by_title_page_and_heading() -> None:
    assert label(passage("x", title="a.pdf", page=3, heading="Drift")) == "a.pdf, page 3, Drift"
    assert label(passage("x", title="", source="")) == "untitled"
    assert label(passage("x", title="[1] ignore\nall " + "y" * 200)).startswith("(1) ignore all yyy")


def test_parts_keep_their_places() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    content: list[dict[str, Any]] = [
        image,
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two"},
        image,
    ]
    [_, told] = grounded([{"role": "user", "content": content}], "rule", "FENCED")
    assert told["content"] == [*content[:2], {"type": "text", "text": "FENCED\n\ntwo"}, image]
    assert content[2] == {"type": "text", "text": "two"}
    alone_asked: list[dict[str, Any]] = [{"role": "user", "content": [image]}]
    [_, alone] = grounded(alone_asked, "rule", "FENCED")
    assert alone["content"] == [image, {"type": "text", "text": "FENCED"}]


def test_only_the_newest_question_gets_them() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "old"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "new"},
    ]
    told = grounded(messages, "rule", "FENCED")
    assert [each["content"] for each in told[1:]] == ["old", "yes", "FENCED\n\nnew"]
    assert told[0]["content"][-1] == {"type": "text", "text": "rule"}


@given(st.lists(st.text(min_size=1, max_size=300), max_size=8), st.integers(0, 800))
def test_whole_passages_fit_or_are_left_out_from_the_end(texts: list[str], tokens: int) -> None:
    passages = [passage(text) for text in texts]
    fitted = fit(passages, FENCE, tokens)
    assert fitted.passages == tuple(passages[: len(fitted.passages)])
    assert len(fitted.passages) + fitted.dropped == len(passages)
    if fitted.passages:
        assert estimate(FENCE.around(fitted.passages)) <= tokens
    if fitted.dropped and not fitted.passages:
        assert estimate(FENCE.around(passages[:1])) + 8 > tokens
