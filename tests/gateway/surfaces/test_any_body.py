"""Whatever JSON comes: an answer, or a refusal in the form of the API that was asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door
from tests.gateway.surfaces.test_responses import ADD

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = st.sampled_from(
    ["user", "assistant", "system", "tool", "message", "function", "function_call", "function_call_output",
     "reasoning", "input_text", "output_text", "input_image", "json", "json_schema", "auto", "required"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["role", "content", "type", "text", "name", "arguments", "function", "images", "tool_calls", "call_id",
     "output", "image_url", "summary", "format", "schema", "effort", "tools", "mode", "stop", "seed"]
)  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXT = st.text(max_size=6) | st.sampled_from(["{}", "[]", "data:image/png;base64,AAAA", "AAAA"])
PARTS = st.fixed_dictionaries({"type": WORDS, "text": TEXT}, optional={"image_url": TEXT, "file_id": TEXT})
CONTENT = TEXT | st.lists(PARTS, max_size=2)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "function": st.fixed_dictionaries(
                {"name": TEXT, "arguments": st.dictionaries(TEXT, JSON, max_size=1)}
            )
        },
        optional={"id": TEXT},
    ),
    max_size=2,
)
# Lists that are right in form, so that what is behind the form is met as well.
RIGHT = {
    "messages": st.lists(
        st.fixed_dictionaries(
            {"role": WORDS, "content": TEXT},
            optional={
                "images": st.lists(TEXT, max_size=1),
                "tool_calls": CALLS,
                "tool_name": TEXT,
                "thinking": TEXT,
            },
        ),
        max_size=4,
    ),
    "input": st.lists(
        st.fixed_dictionaries(
            {"type": WORDS, "content": CONTENT},
            optional={"role": WORDS, "call_id": TEXT, "name": TEXT, "arguments": TEXT, "output": CONTENT},
        ),
        max_size=4,
    ),
    "options": st.dictionaries(NAMES, SCALARS, max_size=2),
    "format": st.dictionaries(NAMES, JSON, max_size=2),
    "tool_choice": st.fixed_dictionaries({"type": WORDS}, optional={"name": TEXT, "tools": st.just([{}])}),
    "reasoning": st.fixed_dictionaries({}, optional={"effort": TEXT}),
    "images": st.lists(TEXT, max_size=2),
}
SAID = [{"role": "user", "content": "hi"}]
OLLAMA: dict[str, dict[str, Any]] = {
    "/api/chat": {
        "messages": SAID, "stream": False, "format": "json", "options": {}, "think": True, "tools": [],
        "keep_alive": 5, "logprobs": True, "top_logprobs": 2,
    },
    "/api/generate": {
        "prompt": "hi", "system": "be", "images": [], "suffix": "", "raw": False, "stream": True,
        "options": {},
    },
    "/api/embed": {"input": "hi", "dimensions": 1},
    "/api/embeddings": {"prompt": "hi"},
    "/api/show": {"model": "tiny"},
    "/api/pull": {"model": "tiny"},
}  # fmt: skip
OPENAI: dict[str, dict[str, Any]] = {
    "/v1/responses": {
        "input": SAID, "instructions": "be", "stream": True, "tools": [ADD], "tool_choice": "auto",
        "text": {"format": {"type": "text"}}, "reasoning": {"effort": "low"}, "max_output_tokens": 5,
        "include": [], "metadata": {}, "parallel_tool_calls": True, "previous_response_id": None,
    },
    "/v1/rerank": {"query": "hi", "documents": ["a"], "top_n": 1},
}  # fmt: skip
WITH_ANY_ENGINE = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def nearly(fields: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A sound body some of whose fields are something else, right in form or not."""
    right = {name: RIGHT[name] for name in fields if name in RIGHT}
    changed = st.fixed_dictionaries({}, optional=right) | st.dictionaries(
        st.sampled_from([*fields, "model"]), JSON, max_size=2
    )
    return changed.map(lambda changes: {**fields, **changes})


@pytest.mark.parametrize("path", OLLAMA)
@given(data=st.data())
@WITH_ANY_ENGINE
async def test_ollamas(door: Door, engine: FakeEngine, path: str, data: st.DataObject) -> None:
    engine.always = "answer"
    answer = await door.post(path, data.draw(nearly(OLLAMA[path]) | JSON))
    if sound(answer):
        assert [json.loads(line) for line in answer.text.splitlines()]
    else:
        [error] = json.loads(answer.text).values()
        assert isinstance(error, str)


@pytest.mark.parametrize("path", OPENAI)
@given(data=st.data())
@WITH_ANY_ENGINE
async def test_openais(door: Door, engine: FakeEngine, path: str, data: st.DataObject) -> None:
    engine.always = "answer"
    answer = await door.post(path, data.draw(nearly(OPENAI[path]) | JSON))
    if not sound(answer):
        assert isinstance(json.loads(answer.text)["error"]["message"], str)
    elif answer.headers["content-type"] == "text/event-stream":
        assert "event: response.completed\n" in answer.text
    else:
        assert json.loads(answer.text)


def sound(answer: Answer) -> bool:
    assert answer.status == 200 or 400 <= answer.status < 500 or answer.status == 501, answer.text
    return answer.status == 200
