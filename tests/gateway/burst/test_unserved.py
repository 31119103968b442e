"""What is allowed for a name that nothing here serves."""

from __future__ import annotations

import logging

import pytest

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.beyond import Beyond
from kanoa_mlops.gateway.burst.grant import Burst, Grant
from kanoa_mlops.gateway.burst.unserved import unserved
from kanoa_mlops.gateway.policy.backend import FREE, Abilities
from kanoa_mlops.gateway.purse import Purse
from tests.gateway.conftest import backend
from tests.gateway.test_reception import Office, office

__all__ = ["office"]  # the fixture


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("smollm", "no backend here serves smollm; did you mean smollm2?"),
        ("SmolLM2", ""),
        ("tiny", ""),
        ("gpt-oss-120b", ""),
    ],
)
def test_only_what_looks_like_something_served_is_asked_about(model: str, words: str) -> None:
    assert unserved(model, ["smollm2", "tiny"]) == words


def test_the_log_asks_once_and_hosted_capacity_answers_for_it_as_it_is_written(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    backends = Backends([backend("http://127.0.0.1:1")])
    beyond = Beyond(backends, Purse(office.books))
    grants = tuple(_granted(model, f"to-{model}") for model in ("smollm", "smollm2", "tiny"))
    with caplog.at_level(logging.WARNING):
        beyond.allow(Burst(grants))
        beyond.allow(Burst(grants, after_seconds=1))
    assert caplog.messages == ["burst: no backend here serves smollm; did you mean smollm2? (to-smollm)"]
    assert [each.id for each in backends.pool("smollm")] == ["to-smollm"]


def _granted(model: str, id: str) -> Grant:
    return Grant(
        id=id,
        model=model,
        provider="Somebody",
        base_url="https://somebody.example/v1",
        name="theirs",
        price=FREE,
        abilities=Abilities(4096, sees=False, tools=True, structured=True),
        limits={},
        headers={},
        key="k",
    )
