from __future__ import annotations

import json

import pytest

from kanoa_mlops.gateway.events import EventSplitter, TooLong, as_events, data_of


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_only_whole_events_come_out_whatever_the_pieces(size: int, end: bytes) -> None:
    whole = b"data: one" + end + b"data: two" + end[:1] + b"data: more" + end
    stream = whole + b"data: ha"
    splitter = EventSplitter(most=100)
    out = [splitter.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert b"".join(out) == whole
    assert all(each.endswith(end) for each in out if each)
    assert splitter.rest == b"data: ha"


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_an_event_is_as_long_as_it_may_be_and_no_longer(size: int) -> None:
    splitter = EventSplitter(most=1000)
    long = b"data: " + b"x" * 992 + b"\n\n"
    out = b"".join(splitter.feed((long * 3)[at : at + size]) for at in range(0, 3000, size))
    assert out == long * 3
    splitter.feed(b"x" * 1000)
    with pytest.raises(TooLong):
        splitter.feed(b"x")


def test_data_of_events() -> None:
    events = b': comment\n\nevent: x\ndata: {"a":\ndata: 1}\n\ndata:tight\r\n\r\n'
    assert data_of(events) == [b'{"a":\n1}', b"tight"]


def test_a_whole_answer_as_events_keeps_tool_calls_and_drops_usage_nobody_asked_for() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choice = {"index": 0, "message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    answer = {"id": "c", "object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 1}}
    events = as_events(json.dumps(answer).encode(), wants_usage=False)
    assert events is not None
    chunk, done = data_of(events)
    assert done == b"[DONE]"
    assert json.loads(chunk) == {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [
            {
                "index": 0,
                "delta": {"content": None, "tool_calls": [{"index": 0, **call}]},
                "finish_reason": "tool_calls",
            }
        ],
    }


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"choices": 1}', b"[" * 100_000])
def test_what_is_no_answer(answer: bytes) -> None:
    assert as_events(answer, wants_usage=True) is None
