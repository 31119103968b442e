"""The nanoseconds in Ollama's last line: the engine's own where it says them, else the gateway's."""

from __future__ import annotations

import json
from typing import Any

from kanoa_mlops.gateway.events import DONE, event
from kanoa_mlops.gateway.surfaces.ollama.answer import Lines, as_message
from kanoa_mlops.gateway.surfaces.translation import Durations, translate

SECOND = 10**9
TIMINGS = {"prompt_ms": 100.0, "predicted_ms": 250.0, "prompt_n": 3}


def lines(total: float, held: float, first: float) -> Lines:
    return Lines(b"", as_message, lambda: "tiny", lambda: Durations(total, held, first))


def times(last: dict[str, Any]) -> list[float]:
    names = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
    return [last[name] / SECOND for name in names]


def test_of_a_stream() -> None:
    sent = translate(event({"choices": [{"delta": {"content": "a"}}]}) + DONE, lines(4.0, 1.0, 1.5))
    assert times(json.loads(sent.splitlines()[-1])) == [4.0, 1.0, 0.5, 2.5]


def test_the_engines_own() -> None:
    first = event({"choices": [{"delta": {"content": "a"}}], "timings": TIMINGS})
    last = event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    sent = translate(first + last + DONE, lines(4.0, 1.0, 1.5))
    assert times(json.loads(sent.splitlines()[-1])) == [4.0, 1.0, 0.1, 0.25]


def test_of_what_came_whole_nobody_knows_when_it_began() -> None:
    answer = json.dumps({"choices": [{"message": {"content": "a"}}]}).encode()
    whole = json.loads(lines(4.0, 1.0, 4.0).whole(answer))
    assert whole["prompt_eval_duration"] == 1  # clients divide by it
    assert whole["eval_duration"] == 3 * SECOND
