from __future__ import annotations

import json

import pytest

from kanoa_mlops.gateway.events import data_of
from kanoa_mlops.gateway.tally import Tally
from kanoa_mlops.gateway.usage import Usage
from tests.fakes.engine import USAGE, chunk
from tests.gateway.conftest import backend

DONE = b"data: [DONE]\n\n"


def tally(*, wants_usage: bool = True) -> Tally:
    return Tally(backend("http://127.0.0.1:1"), wants_usage=wants_usage)


def test_all_in_one_piece() -> None:
    one = tally()
    events = chunk("The") + chunk(" end") + chunk(usage=USAGE) + DONE
    assert one.pass_on(events) == events
    assert one.done
    assert one.usage is not None
    assert one.usage.completion_tokens == 4


def test_nothing_follows_the_end() -> None:
    one = tally(wants_usage=False)
    assert one.pass_on(DONE + chunk("after")) == DONE


def test_a_null_error_is_none() -> None:
    one = tally()
    events = b'data: {"error":null,"choices":[]}\n\n'
    assert one.pass_on(events) == events
    assert one.error is None


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error": {"message": "m"}}\n\n',
        b'data:{"error":{"message":"m"}}\r\n\r\n',
        b'data: {"object": "error", "message": "m"}\n\n',
        b'error: {"message": "m"}\n\n',
    ],
)
def test_errors_in_all_their_forms(event: bytes) -> None:
    one = tally()
    assert one.pass_on(chunk("The") + event + DONE) == chunk("The")
    assert one.error is not None
    assert (one.error.message, one.error.status, one.error.source) == ("m", 502, "engine")
    assert not one.done


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', 1),
        (b'data: {"choices":[{"delta":{"reasoning_content":"a"}}]}\n\n', 1),
        (b'data: {"choices":[{"text":"a"}]}\n\n', 1),
        (b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n', 0),
        (b'data: {"choices":[{"delta":{"content":""}}]}\n\n', 0),
    ],
)
def test_what_counts_as_a_token_of_an_estimate(event: bytes, counted: int) -> None:
    assert f'"completion_tokens":{counted},'.encode() in tally().pass_on(event + DONE)


TIMINGS = b'data: {"choices":[{}],"timings":{"cache_n":2,"prompt_n":5,"predicted_n":9}}\n\n'


def test_llama_cpp_tells_its_tokens_unasked_and_the_client_sees_the_stream_as_it_is() -> None:
    one = tally(wants_usage=False)
    events = chunk("The") + TIMINGS + DONE
    assert one.pass_on(events) == events
    assert one.usage == Usage(7, 9)


def test_who_asks_gets_the_timings_as_usage_where_there_is_no_other() -> None:
    one = tally()
    [*_, told] = data_of(one.pass_on(chunk("The") + TIMINGS + DONE).removesuffix(DONE))
    usage = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}
    assert json.loads(told)["usage"] == usage


def test_usage_counts_before_timings() -> None:
    one = tally()
    events = chunk(usage=USAGE) + TIMINGS + DONE
    assert one.pass_on(events) == events
    assert one.usage == Usage(USAGE["prompt_tokens"], USAGE["completion_tokens"])


def test_what_was_asked_for_the_ledger_is_not_passed_on() -> None:
    one = Tally(backend("http://127.0.0.1:1", engine="vllm"), wants_usage=False)
    assert one.pass_on(chunk("The") + chunk(usage=USAGE) + DONE) == chunk("The") + DONE
    assert one.usage == Usage(USAGE["prompt_tokens"], USAGE["completion_tokens"])
