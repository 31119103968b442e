"""The tables of families hold together."""

from __future__ import annotations

from importlib import resources

import pytest

from kanoa_mlops.catalog.foreign.expression import evaluate
from kanoa_mlops.catalog.foreign.family import Composite, Language, find_family, find_tower, known_families
from kanoa_mlops.catalog.foreign.reading import Reading
from kanoa_mlops.catalog.foreign.tables import architectures


@pytest.mark.parametrize("name", known_families())
def test_every_family_reads(name: str) -> None:
    family = find_family(name)
    assert family is not None
    if isinstance(family, Composite):
        text = find_family(family.text_type)
        assert isinstance(text, Language)
        assert all(find_tower(tower) for tower in family.towers), "every tower it names is known"


@pytest.mark.parametrize(
    "name", [name for name in known_families() if isinstance(find_family(name), Language)]
)
def test_shapes_speak_of_numbers_the_class_has(name: str) -> None:
    """With every size left to the class's defaults, each expression has a value."""
    family = find_family(name)
    assert isinstance(family, Language)
    sizes = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "head_dim": 16}
    sizes |= {"intermediate_size": 128, "vocab_size": 100, "embedding_size": 100}
    reading = Reading(sizes, family, name)
    for expression in (*family.layer, *family.cross, *family.expert, *family.rest, family.output):
        assert evaluate(expression, reading) >= 0
    assert evaluate(" + ".join(family.layer), reading) > 64 * 64


def test_towers_have_shapes() -> None:
    folder = resources.files("kanoa_mlops.catalog.foreign") / "towers"
    for file in folder.iterdir():
        tower = find_tower(file.name.removesuffix(".yaml"))
        assert tower is not None and tower.layer and tower.rest


@pytest.mark.parametrize("name", ["nothing", "", "../../data/models/smollm2-135m-instruct", "LLAMA", "a/b"])
def test_what_is_no_family(name: str) -> None:
    assert find_family(name) is None
    assert find_tower(name) is None


def test_two_names_of_one_class_never_clash() -> None:
    """A class decides how vLLM loads a model, so it belongs to one family."""
    owners: dict[str, str] = {}
    for name in known_families():
        family = find_family(name)
        assert family is not None
        for each in family.classes:
            assert owners.setdefault(each, name) == name


def test_architectures_of_llama_cpp_are_its_own() -> None:
    from gguf import MODEL_ARCH_NAMES

    assert set(architectures()) <= set(MODEL_ARCH_NAMES.values())
