"""How a body that is not what it should be is told."""

from __future__ import annotations

from typing import Any

import pytest

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import Given, read


class Inner(Given):
    name: str
    size: float | None = None


class Outer(Given):
    inner: list[Inner]
    either: str | list[dict[str, Any]] = ""


def refusal(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(ApiError) as caught:
        read(Outer, raw)
    assert caught.value.status == 400
    return caught.value.message, caught.value.param


@pytest.mark.parametrize(
    ("raw", "message", "param"),
    [
        (b"{", "The body is not JSON: EOF while parsing an object at line 1 column 1.", None),
        (b"\xff{}", "The body is not JSON: expected value at line 1 column 1.", None),
        (b"[" * 100_000, "The body is not JSON: recursion limit exceeded at line 1 column 202.", None),
        (b"[]", "The body must be a JSON object.", None),
        (b"{}", "'inner' is required.", "inner"),
        (b'{"inner": {}}', "'inner' must be a list.", "inner"),
        (b'{"inner": [{"name": 5}]}', "'inner[0].name' must be a string.", "inner[0].name"),
        (b'{"inner": [{"name": "", "size": "5"}]}', "'inner[0].size' must be a number.", "inner[0].size"),
        (b'{"inner": [], "either": 5}', "'either' must be a string or a list.", "either"),
        (b'{"inner": [], "either": [5]}', "'either[0]' must be an object.", "either[0]"),
    ],
)
def test_says_what_and_where(raw: bytes, message: str, param: str | None) -> None:
    assert refusal(raw) == (message, param)


def test_what_nobody_knows_is_passed_over() -> None:
    assert read(Outer, b'{"inner": [], "keep": true}') == Outer(inner=[])


def test_a_secret_in_a_wrong_place_is_not_repeated() -> None:
    assert "sk-secret" not in str(refusal(b'{"inner": "sk-secret"}'))
