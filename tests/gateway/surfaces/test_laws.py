"""What holds of every answer, whatever pieces an engine makes it of."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.events import DONE, data_of, event
from kanoa_mlops.gateway.surfaces.ollama.answer import Lines, as_message
from kanoa_mlops.gateway.surfaces.responses.answer import Events
from kanoa_mlops.gateway.surfaces.responses.searched import Searched
from kanoa_mlops.gateway.surfaces.translation import Durations, translate


def _index(delta: Any) -> object:
    """One call is not begun twice."""
    return delta["tool_calls"][0]["index"] if "tool_calls" in delta else id(delta)


ARGUMENTS = ['{"a": 1}', "{}", ""]
TEXT = st.text(min_size=1, max_size=5)
CALL = st.builds(
    lambda index, arguments: {
        "tool_calls": [
            {"index": index, "id": f"c_{index}", "function": {"name": "add", "arguments": arguments}}
        ]
    },
    st.integers(0, 99),
    st.sampled_from(ARGUMENTS),
)
DELTAS = st.lists(
    st.builds(lambda text: {"content": text}, TEXT)
    | st.builds(lambda text: {"reasoning_content": text}, TEXT)
    | st.builds(lambda text: {"reasoning": text}, TEXT)
    | CALL
    | st.sampled_from([{}, {"role": "assistant", "content": None}, {"content": ""}]),
    max_size=8,
    unique_by=_index,
)
FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", ""])
COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def stream(deltas: list[dict[str, Any]], finish: str) -> list[bytes]:
    """As an engine sends it, and a gateway that has to wait for it."""
    pieces = [event({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    ended = event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish or None}]})
    return [b": waiting\n\n", *pieces, ended, event({"choices": [], "usage": COUNTS}), DONE]


def said(deltas: list[dict[str, Any]], *names: str) -> str:
    return "".join(delta.get(name) or "" for delta in deltas for name in names)


def message(deltas: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "content": said(deltas, "content"),
        "reasoning_content": said(deltas, "reasoning_content", "reasoning"),
        "tool_calls": [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta],
    }


def lines() -> Lines:
    return Lines(b"", as_message, lambda: "tiny", lambda: Durations(total=2.0, held=0.5, first=1.0))


def events() -> Events:
    unsearched: Any = SimpleNamespace(grounds=None)  # an exchange, of which no more is looked at
    return Events(b"", "1", lambda: {"model": "tiny"}, Searched(unsearched, results=False))


@given(DELTAS, FINISH)
def test_ollamas_lines_come_to_the_whole(deltas: list[dict[str, Any]], finish: str) -> None:
    into = lines()
    sent = b"".join(translate(piece, into) for piece in stream(deltas, finish))
    told = [json.loads(line) for line in sent.split(b"\n")[:-1]]
    assert [line["done"] for line in told] == [False] * (len(told) - 1) + [True]
    whole = json.loads(
        lines().whole(
            json.dumps(
                {"choices": [{"message": message(deltas), "finish_reason": finish}], "usage": COUNTS}
            ).encode()
        )
    )
    assert "".join(line["message"]["content"] for line in told) == whole["message"]["content"]
    assert "".join(line["message"].get("thinking", "") for line in told) == whole["message"].get(
        "thinking", ""
    )
    calls = [call for line in told for call in line["message"].get("tool_calls", [])]
    assert calls == whole["message"].get("tool_calls", [])
    assert told[-1]["done_reason"] == whole["done_reason"] == ("length" if finish == "length" else "stop")
    assert told[-1]["eval_count"] == whole["eval_count"] == 4


@given(DELTAS, FINISH)
def test_events_of_responses_come_to_the_response(deltas: list[dict[str, Any]], finish: str) -> None:
    into = events()
    sent = b"".join(translate(piece, into) for piece in stream(deltas, finish))
    told = [json.loads(data) for data in data_of(sent)]
    assert [each["sequence_number"] for each in told] == list(range(len(told)))
    kinds = Counter(each["type"] for each in told)
    assert kinds["response.output_item.added"] == kinds["response.output_item.done"]
    last = told[-1]
    cut = finish in ("length", "content_filter")
    assert last["type"] == f"response.{last['response']['status']}"
    assert last["response"]["status"] == ("incomplete" if cut else "completed")
    assert last["response"]["usage"]["total_tokens"] == 7
    done = {
        each["output_index"]: each["item"] for each in told if each["type"] == "response.output_item.done"
    }
    assert last["response"]["output"] == [done[index] for index in range(len(done))]
    for index, item in done.items():
        pieces = [each["delta"] for each in told if each.get("output_index") == index and "delta" in each]
        text = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
        assert "".join(pieces) == text
    texts = [item["content"][0]["text"] for item in done.values() if item["type"] == "message"]
    assert "".join(texts) == said(deltas, "content")


@given(DELTAS, st.integers(0, 8))
def test_a_response_that_fails_ends_there(deltas: list[dict[str, Any]], after: int) -> None:
    into = events()
    failed = event({"error": {"message": "gone", "code": "engine_stream_cut", "param": None}})
    pieces = stream(deltas, "stop")
    sent = b"".join(translate(piece, into) for piece in [*pieces[:after], failed, *pieces[after:]])
    told = [json.loads(data) for data in data_of(sent)]
    kinds = [each["type"] for each in told]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    if "response.failed" in kinds:  # else it had ended before
        assert kinds[-2:] == ["error", "response.failed"]
        assert told[-1]["response"]["error"] == {"code": "engine_stream_cut", "message": "gone"}
    else:
        assert kinds[-1] == "response.completed"
