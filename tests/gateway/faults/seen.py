"""What came of a request: for its client, for the engines, and in the books."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.fakes.engine import WORDS
from tests.gateway.conftest import Answer

ANSWER = "".join(WORDS)
_SOON = 60
"""Seconds; what is further away depends on the day of the test."""


@dataclass(frozen=True)
class Seen:
    status: int | None
    """None where the client left, or took nothing, and saw nothing."""
    code: str = ""
    """Of the error, whether it was an HTTP error or the last event of a stream."""
    said: str = ""
    """All text of the answer."""
    last: str = ""
    """Of a stream the last event: `[DONE]`, or the error."""
    retry_after: str = ""
    asked: tuple[int, ...] = (1,)
    """Requests that each engine got."""
    booked: tuple[str, ...] = ()
    """Each once: status, backend, tokens of prompt and answer (estimated ones with ~), micro-dollars."""
    times: int = 1
    """As many requests fared so at once."""


def answered(*asked: int, booked: str, said: str = ANSWER, last: str = "", times: int = 1) -> Seen:
    return Seen(200, said=said, last=last, asked=asked, booked=(booked,), times=times)


def refused(status: int, code: str, *asked: int, booked: str, retry_after: str = "") -> Seen:
    return Seen(status, code, retry_after=retry_after, asked=asked, booked=(booked,))


def broken_off(code: str, *asked: int, booked: str, times: int = 1) -> Seen:
    """A stream of which a word had come."""
    return Seen(200, code, "The", "the error", asked=asked, booked=(booked,), times=times)


def gone(*asked: int, booked: tuple[str, ...], times: int = 1) -> Seen:
    return Seen(None, asked=asked, booked=booked, times=times)


def dropped(*asked: int, booked: str) -> Seen:
    """It took nothing."""
    return Seen(None, "client_stalled", asked=asked, booked=(booked,))


def seen(answer: Answer) -> Seen:
    """As its client saw it."""
    after = answer.headers.get("retry-after", "")
    known: dict[str, Any] = {
        "status": answer.status,
        "retry_after": after if not after or int(after) <= _SOON else "later",
    }
    if answer.headers["content-type"].startswith("text/event-stream"):
        return Seen(**known, **_stream(answer.text))
    return Seen(**known, **_whole(answer))


def _whole(answer: Answer) -> dict[str, Any]:
    body = json.loads(answer.text)
    assert int(answer.headers["content-length"]) == len(answer.body)
    if "error" in body:
        return {"code": body["error"]["code"]}
    return {"said": body["choices"][0]["message"]["content"]}


def _stream(text: str) -> dict[str, Any]:
    assert text.endswith("\n\n"), "no client gets half an event"
    found = {"said": "", "last": "", "code": ""}
    for event in text.removesuffix("\n\n").split("\n\n"):
        if event.startswith(":"):
            continue
        assert not found["last"], "nothing follows the last event"
        data = event.removeprefix("data: ")
        if data == "[DONE]":
            found["last"] = data
        elif "error" in (value := _json(data)):
            found |= {"last": "the error", "code": value["error"]["code"]}
        else:
            found["said"] += value["choices"][0]["delta"]["content"]
    return found


def _json(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {"choices": [{"delta": {"content": "[no JSON]"}}]}
