"""What goes on to an engine: the bytes as they came, unless something in them has to change."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.body import parse_body
from kanoa_mlops.gateway.prepare import prepare
from tests.gateway.conftest import backend

SMALL = backend("http://127.0.0.1:1", context_tokens=2048)


def sent(**fields: Any) -> tuple[bytes, bytes]:
    """A request as it came, and as it goes on."""
    raw = json.dumps({"messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    return raw, prepare(parse_body(raw, routes.CHAT), SMALL)


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


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


@pytest.mark.parametrize("engine", ["llama.cpp b11549", "vllm 0.32"])
def test_a_function_that_is_named_is_the_only_one_that_llama_cpp_is_given(engine: str) -> None:
    choice = {"type": "function", "function": {"name": "b"}}
    fields = {"model": "smollm2", "tools": [function("a"), function("b")], "tool_choice": choice}
    raw = json.dumps({"messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    goes = json.loads(prepare(parse_body(raw, routes.CHAT), replace(SMALL, engine=engine)))
    if engine.startswith("llama.cpp"):
        assert (goes["tools"], goes["tool_choice"]) == ([function("b")], "required")
    else:
        assert (goes["tools"], goes["tool_choice"]) == (fields["tools"], choice)


@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "function": {"name": "c"}}, {"function": 1}, {}]
)
@pytest.mark.parametrize("tools", [[], [function("a"), {}, 1], None])
def test_any_other_choice_goes_on_as_it_came(choice: object, tools: object) -> None:
    came, goes = sent(model="smollm2", tools=tools, tool_choice=choice)
    assert goes == came


def test_an_alias_becomes_the_name_that_the_engine_knows() -> None:
    _, goes = sent(model="SmolLM")
    assert json.loads(goes)["model"] == SMALL.engine_model


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text()
    | st.sampled_from(["SmolLM", "data:image/png;base64,QUJD", 'no image;base64,"model"', "\\m"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("model"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    more=st.dictionaries(st.text() | st.sampled_from(['"model', "metadata"]), JSON, max_size=4),
    first=st.booleans(),
    escaped=st.booleans(),
    spelled=st.booleans(),
)
def test_nothing_but_the_name_changes(
    more: dict[str, Any], first: bool, escaped: bool, spelled: bool
) -> None:
    more.pop("model", None)
    named = {"messages": [{"role": "user", "content": 'a "model'}], "model": "SmolLM"}
    fields = {**named, **more} if first else {**more, **named}
    text = json.dumps(fields, ensure_ascii=escaped)
    if spelled:
        text = text.replace('"model"', '"m\\u006Fdel"', 1)
    raw = text.encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return  # refused before it comes here
    goes = prepare(parse_body(raw, routes.CHAT), SMALL)
    assert json.loads(goes) == {**json.loads(raw), "model": SMALL.engine_model}


def test_a_name_is_changed_without_writing_the_rest_anew() -> None:
    raw = b'{ "messages" : [{"role": "user", "content": "\xc3\xa4 "}],  "model":"SmolLM" , "seed": 1e2}'
    goes = prepare(parse_body(raw, routes.CHAT), SMALL)
    assert goes == raw.replace(b"SmolLM", SMALL.engine_model.encode())


@pytest.mark.parametrize("named", [b'"model": "SmolLM", ', b""])
def test_what_stands_behind_an_image_is_seen(named: bytes) -> None:
    image = b'{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}'
    message = b'{%b"role": "user", "content": [%b]}' % (named, image)
    raw = b'{"messages":  [%b], "model":  "SmolLM"}' % message
    goes = prepare(parse_body(raw, routes.CHAT), SMALL)
    asked = json.loads(raw)
    assert json.loads(goes) == {**asked, "model": SMALL.engine_model}
    written_anew = json.dumps({**asked, "model": SMALL.engine_model}, separators=(",", ":")).encode()
    assert (goes == written_anew) is bool(named)


ASKED = {"include_usage": True}


@pytest.mark.parametrize(
    ("engine", "fields", "options"),
    [
        ("kanoa-mlops", {}, ASKED),
        ("vllm 0.32", {}, ASKED),
        ("ollama", {"model": "tiny"}, ASKED),
        ("vllm", {"max_tokens": 10**6}, ASKED),
        ("vllm", {"stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
        ("vllm", {"stream_options": None}, ASKED),
        ("vllm", {"stream": False}, None),
        ("llama.cpp b11549", {}, None),
        ("tgi", {}, None),
    ],
)
def test_who_counts_a_streams_tokens_only_when_asked_is_asked(
    engine: str, fields: dict[str, Any], options: object
) -> None:
    hi = [{"role": "user", "content": "hi"}]
    whole = {"model": "smollm2", "messages": hi, "stream": True, **fields}
    raw = json.dumps(whole).encode()
    goes = prepare(parse_body(raw, routes.COMPLETIONS), replace(SMALL, engine=engine))
    length = {"max_tokens": 2048} if "max_tokens" in fields else {}
    expected = whole | {"model": "smollm2"} | length
    assert json.loads(goes) == (expected if options is None else expected | {"stream_options": options})
    if options is None and whole["model"] == "smollm2":
        assert goes == raw


@pytest.mark.parametrize("model", [b"smollm2", b"SmolLM"])
def test_a_large_image_is_not_written_anew_to_ask(model: bytes) -> None:
    image = b"data:;base64," + b"A" * 9000
    begin = b' {"stream":true, "model" : "' + model + b'", "messages":[{"role":"user","content":"'
    raw = begin + image + b'"}]}'
    goes = prepare(parse_body(raw, routes.COMPLETIONS), replace(SMALL, engine="vllm"))
    asked = raw.replace(b"{", b'{"stream_options":{"include_usage":true},', 1)
    assert goes == asked.replace(b"SmolLM", b"smollm2")


def test_whatever_changes_in_a_large_request_it_is_copied_once() -> None:
    raw = json.dumps({"model": "SmolLM", "stream": True, "prompt": "A" * 10**6}).encode()
    asked = parse_body(raw, routes.COMPLETIONS)
    tracemalloc.start()
    goes = prepare(asked, replace(SMALL, engine="vllm"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert goes.startswith(b'{"stream_options"')
    assert most < 1.5 * len(raw)
