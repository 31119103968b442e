from __future__ import annotations

import json

import pytest

from kanoa_mlops.gateway.usage import Step, Usage, add_steps, find_usage


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        (b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}', Usage(3, 4)),
        (b'{"usage":{"prompt_tokens":3,"d":{"cached":1}},"data":[]}', Usage(3, 0)),
        (b'data: {"usage": null}\n\ndata: {"usage":\n{"prompt_tokens": 3}}\n\n', Usage(3, 0)),
        (b'{"usage": {"prompt_tokens": 1}}\n\n{"usage": {"prompt_tokens": 2}}', Usage(2, 0)),
        (b'{"usage": {"prompt_tokens": "many", "completion_tokens": -1}}', Usage(0, 0)),
        (b'{"usage": {"prompt_tokens": 3', None),
        (b'{"usage": {"details": ' + b"[" * 5000, None),
        (b'{"content": "usage"}', None),
        (json.dumps({"content": '"usage": {"prompt_tokens": 9}'}).encode(), None),
        (b"", None),
    ],
)
def test_find_usage(answer: bytes, usage: Usage | None) -> None:
    assert find_usage(answer) == usage


STEPS = [Step("eye", Usage(10, 20)), Step("eye", Usage(0, 0), cached=True)]
LISTED = (
    b'"kanoa_steps":[{"model":"eye","prompt_tokens":10,"completion_tokens":20},'
    b'{"model":"eye","prompt_tokens":0,"completion_tokens":0,"cached":true},'
    b'{"model":"m","prompt_tokens":3,"completion_tokens":4}]'
)


def test_steps_are_added_and_nothing_else_is_touched() -> None:
    answer = (
        '{ "a":"\u00fc \\"usage\\": {", "usage" : {"prompt_tokens": 3, "completion_tokens": 4, '
        '"details": {"who": "\u00fc"}} , "z": 1.50}'
    )
    before, _, after = answer.encode().partition(b'{"prompt_tokens": 3')
    added = add_steps(answer.encode(), STEPS, "m")
    assert added.startswith(before)
    assert added.endswith(after.partition(b"}}")[2])
    usage = b'{"prompt_tokens":13,"completion_tokens":24,"details":{"who":"\\u00fc"},"total_tokens":37,'
    assert added[len(before) :].startswith(usage + LISTED + b"}")


def test_every_usage_of_a_stream_gets_them() -> None:
    one = b'data: {"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    added = add_steps(one + b'data: {"usage":null}\n\n' + one, STEPS, "m")
    assert added.count(LISTED) == 2
    assert b'data: {"usage":null}\n\n' in added


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'{"usage": {"prompt_tokens": 3',
        b'{"usage": {"a": "\xff"}}',
        b'{"usage": {"a": ' + b"[" * 5000,
        b"{}",
    ],
)
def test_what_has_no_usage_stays(answer: bytes) -> None:
    assert add_steps(answer, STEPS, "m") == answer


def test_without_steps_it_is_the_very_answer() -> None:
    answer = b'{"usage": {"prompt_tokens": 3}}'
    assert add_steps(answer, [], "m") is answer
