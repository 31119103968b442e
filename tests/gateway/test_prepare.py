"""What goes on to an engine: the bytes as they came, unless something in them has to change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kanoa_mlops.gateway.body import parse_body
from kanoa_mlops.gateway.prepare import prepare
from tests.gateway.conftest import backend

SMALL = backend("http://127.0.0.1:1", context_tokens=2048)


def sent(**fields: Any) -> tuple[bytes, bytes]:
    """A request as it came, and as it goes on."""
    raw = json.dumps({"messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    return raw, prepare(parse_body(raw, chat=True), SMALL)


@pytest.mark.parametrize("length", [{}, {"max_tokens": 2048}, {"max_tokens": None}, {"max_tokens": "x"}])
def test_what_need_not_change_goes_on_byte_for_byte(length: dict[str, Any]) -> None:
    came, goes = sent(model="smollm2", **length)
    assert goes == came


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_no_answer_is_longer_than_the_context(name: str) -> None:
    _, goes = sent(model="smollm2", temperature=0, **{name: 3000})
    assert json.loads(goes) == {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0,
        name: 2048,
    }


def test_an_alias_becomes_the_name_that_the_engine_knows() -> None:
    _, goes = sent(model="SmolLM")
    assert json.loads(goes)["model"] == SMALL.engine_model
