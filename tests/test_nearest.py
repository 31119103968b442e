"""What is offered for a name that there is not."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.nearest import meant, nearest_names


def test_unlike_names_are_not_offered(catalog: Catalog) -> None:
    models = [name for each in catalog.models.values() for name in (each.id, *each.aliases)]
    platforms = [name for each in catalog.platforms.values() for name in (each.id, *each.aliases)]
    everything = [*models, *platforms, *catalog.providers]
    for name in ("nope", "zzz", "claude-3", ""):
        assert nearest_names(name, everything) == []
    assert meant("nope", everything) == ""


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("smolm2", ["smollm2"]),
        ("SMOLM2", ["smollm2"]),
        ("Gem", ["Gemma-3", "gemma-3-12b"]),
        ("gemma-3-12", ["gemma-3-12b"]),
        ("grok", ["groq"]),
    ],
)
def test_what_begins_alike_or_is_spelled_much_alike_is_offered(name: str, offered: list[str]) -> None:
    assert nearest_names(name, ["gemma-3-12b", "Gemma-3", "smollm2", "groq", "openrouter"]) == offered


def test_no_more_than_three_are_offered_the_shortest_first() -> None:
    names = [f"qwen3-vl-{size}b" for size in (32, 2, 4, 8)]
    assert nearest_names("qwen", names) == ["qwen3-vl-2b", "qwen3-vl-4b", "qwen3-vl-8b"]


def test_what_is_less_like_it_is_not_offered_beside_the_nearest() -> None:
    assert nearest_names("sttus", ["stop", "trust", "status"]) == ["status"]
    assert nearest_names("rtx-4091", ["rtx-3080", "rtx-4090"]) == ["rtx-4090"]
    assert nearest_names("grot", ["groq", "grow"]) == ["grow", "groq"]


def test_it_is_asked_as_a_question() -> None:
    assert meant("gemma", ["gemma-3", "gemma-4", "llava"]) == "Did you mean gemma-3 or gemma-4?"
