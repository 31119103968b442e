"""A provider is asked once more where that may help, and what it says is told without the key."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from kanoa_mlops.errors import RetrieverFailed, SettingsError
from kanoa_mlops.grounding.connectors.service import Service
from tests.grounding.connectors.provider import Answer, Provider

KEY = "sk-secret-1"
GOOD = Answer({"fine": True})
SOON = {"retry-after": "0"}


def post(url: str, body: object) -> object:
    service = Service("lab", url, headers=lambda: {"Authorization": f"Bearer {KEY}"})
    with closing(service):
        return service.post("/x", {"a": body})


def refused(*answers: Answer) -> tuple[RetrieverFailed, int]:
    with Provider(*answers) as provider, pytest.raises(RetrieverFailed) as caught:
        post(provider.url, 1)
    assert KEY not in str(caught.value) + caught.value.hint
    return caught.value, len(provider.asked)


@pytest.mark.parametrize(
    "first", [Answer(status=503, headers=SOON), Answer(status=429, headers=SOON), Answer(hangs_up=True)]
)
def test_what_may_pass_is_asked_again(first: Answer) -> None:
    with Provider(first, GOOD) as provider:
        assert post(provider.url, 1) == {"fine": True}
    assert [each.body for each in provider.asked] == [{"a": 1}, {"a": 1}]


def test_it_is_asked_twice_at_most() -> None:
    error, times = refused(Answer({"error": {"message": "overloaded"}}, 503, SOON))
    assert times == 2
    assert "answered HTTP 503: overloaded." in error.message
    error, times = refused(Answer(hangs_up=True))
    assert times == 2
    assert "was not reached" in error.message


def test_who_wants_to_be_left_alone_for_long_is() -> None:
    _, times = refused(Answer(status=429, headers={"retry-after": "60"}))
    assert times == 1
    _, times = refused(Answer(status=429, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}))
    assert times == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": f"Incorrect API key provided: {KEY}"}}, "Incorrect API key provided: [key]"),
        ({"error": {"code": "x", "message": "Azure's and Google's"}}, "Azure's and Google's"),
        ({"detail": "FastAPI's"}, "FastAPI's"),
        (b"<html>a proxy's</html>", "<html>a proxy's</html>"),
        ([], "[]"),
        (b"", "without a word"),
    ],
)
def test_its_words_are_passed_on(body: object, said: str) -> None:
    error, times = refused(Answer(body, 401))
    assert times == 1
    assert error.message.endswith(f"answered HTTP 401: {said}.")
    assert "api_key_env" in error.hint


def test_what_is_no_json_is_no_answer() -> None:
    error, _ = refused(Answer(b"<html>hello</html>"))
    assert "what is no JSON" in error.message


def test_a_redirect_is_not_followed_as_the_key_would_go_along() -> None:
    with Provider(GOOD) as other:
        error, _ = refused(Answer(b"", 302, {"location": other.url}))
    assert other.asked == []
    assert "HTTP 302" in error.message


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    error, _ = refused(Answer(b" " * (33 * 2**20)))
    assert "more than 32 MiB" in error.message


def test_nobody_there() -> None:
    with Provider(GOOD) as provider:
        pass
    with pytest.raises(RetrieverFailed, match="was not reached") as caught:
        post(provider.url, 1)
    assert caught.value.hint == "Is it up, and is the address right?"


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="certificates"):
        Service("lab", "https://x", certificates=tmp_path / "none.pem")
