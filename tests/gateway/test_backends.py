from __future__ import annotations

import pytest

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.choice import find
from kanoa_mlops.gateway.envelope import ApiError
from tests.gateway.conftest import HUB_NAME, backend


@pytest.mark.parametrize("name", ["smollm2", "SmolLM2", "TINY", HUB_NAME, HUB_NAME.lower()])
def test_a_model_answers_to_its_names_in_any_case(name: str) -> None:
    served = Backends([backend("http://127.0.0.1:1"), backend("http://127.0.0.1:2", model="B", aliases=())])
    found = served.find(name)
    assert found is not None
    assert found.model == "smollm2"


def test_nearest_names() -> None:
    def told(name: str) -> str:
        with pytest.raises(ApiError) as caught:
            find(name, served)
        return caught.value.message

    served = Backends([backend("http://127.0.0.1:1")])
    assert "Did you mean smollm2? Served" in told("SMOLM2")
    assert "Did you mean" not in told("zzz")


def test_the_engines_key_is_not_shown() -> None:
    assert "engine-secret" not in repr(backend("http://127.0.0.1:1"))


def test_marking_is_a_new_value() -> None:
    before = backend("http://127.0.0.1:1")
    served = Backends([before])
    served.mark("smollm2", "down", "killed")
    assert (before.state, served.all()[0].state, served.all()[0].reason) == ("ready", "down", "killed")


def test_one_that_serves_another_model_now_leaves_the_pool_it_was_in() -> None:
    served = Backends([backend("http://127.0.0.1:1", id="hub")])
    told: list[str] = []
    served.watcher = told.append
    served.put(backend("http://127.0.0.1:1", id="hub", model="other", aliases=()))
    assert sorted(told) == ["other", "smollm2"]
    assert served.pool("smollm2") == ()
