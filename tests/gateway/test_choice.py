"""Which model a request means."""

from __future__ import annotations

import pytest

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.choice import find
from kanoa_mlops.gateway.envelope import ApiError
from tests.gateway.conftest import backend

POOLS = (
    backend("http://127.0.0.1:1", model="gemma-3-12b-it", aliases=("vision", "Default")),
    backend("http://127.0.0.1:2", model="gpt-oss-20b", aliases=("reasoning",)),
)


def refuses(name: str | None, served: Backends) -> bool:
    with pytest.raises(ApiError) as caught:
        find(name, served)
    return (caught.value.status, caught.value.code, caught.value.param) == (404, "model_not_found", "model")


def test_a_model_answers_to_its_name_and_aliases_in_any_case() -> None:
    served = Backends(POOLS)
    assert find("gemma-3-12b-it", served) is POOLS[0]
    assert find("DEFAULT", served) is POOLS[0]
    assert find("Reasoning", served) is POOLS[1]
    assert refuses("gemma", served)


def test_without_a_name_the_only_model_is_meant() -> None:
    assert find(None, Backends(POOLS[:1])) is POOLS[0]
    assert refuses(None, Backends(POOLS))
    assert refuses(None, Backends())
