from __future__ import annotations

import json

import pytest

from kanoa_mlops.gateway.usage import Usage, find_usage


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        (b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}', Usage(3, 4)),
        (b'{"usage":{"prompt_tokens":3,"d":{"cached":1}},"data":[]}', Usage(3, 0)),
        (b'data: {"usage": null}\n\ndata: {"usage":\n{"prompt_tokens": 3}}\n\n', Usage(3, 0)),
        (b'{"usage": {"prompt_tokens": 1}}\n\n{"usage": {"prompt_tokens": 2}}', Usage(2, 0)),
        (b'{"usage": {"prompt_tokens": "many", "completion_tokens": -1}}', Usage(0, 0)),
        (b'{"usage": {"prompt_tokens": 3', None),
        (b'{"content": "usage"}', None),
        (json.dumps({"content": '"usage": {"prompt_tokens": 9}'}).encode(), None),
        (b"", None),
    ],
)
def test_find_usage(answer: bytes, usage: Usage | None) -> None:
    assert find_usage(answer) == usage
