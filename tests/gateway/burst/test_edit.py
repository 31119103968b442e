"""Changes by the command keep what a person wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.burst.edit import added, changed, removed
from kanoa_mlops.gateway.burst.read import allowed_in
from kanoa_mlops.marked import parse_marked

PATH = Path("burst.yaml")
COMMENTED = """\
# Mine.
burst:
  after: 20 s   # patient

  # For the lab.
  allowed:
    # fast
    - provider: groq    # free
      for: gpt-oss-120b
      max_per_day: 2 $  # enough

    - {provider: huggingface, for: gemma, with: 'a: b'}  # sees
  # the end
"""
NEW = {"provider": "openrouter", "for": "x: y", "max_per_day": "2.5 $"}


def allowed(text: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = (yaml.safe_load(text)["burst"] or {}).get("allowed") or []
    return entries


def test_an_entry_more_comes_last_and_comments_stay() -> None:
    assert added(PATH, COMMENTED, NEW) == COMMENTED.replace(
        "  # the end\n",
        "    - provider: openrouter\n      for: 'x: y'\n      max_per_day: 2.5 $\n  # the end\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet",
        "---\n",
        "burst:\n",
        "burst:  # mine\n",
        "burst: {}\n",
        "burst:\n  after: 5 s\n  max_per_day: 2 $",
        "burst:\n    allowed: []  # none\n    after: 5 s\n",
        "burst:\n  allowed:\n  after: 5 s\n",
        "burst:\n  allowed:\n  - provider: groq\n    for: a",
        "burst:\n  allowed:\n  -   provider: groq\n      for: a\n  after: 5 s\n",
    ],
)
def test_wherever_there_is_room_for_one(text: str) -> None:
    before = yaml.safe_load(text) or {}
    after = yaml.safe_load(added(PATH, text, NEW))
    entries = after["burst"].pop("allowed")
    kept = (before.get("burst") or {}).pop("allowed", None) or []
    assert entries == [*kept, NEW]
    assert after["burst"] == (before.get("burst") or {})
    assert text.count("#") == added(PATH, text, NEW).count("#")


def test_only_what_changes_is_changed() -> None:
    assert changed(PATH, COMMENTED, 0, {"max_per_day": "5 $", "plan": "paid"}) == COMMENTED.replace(
        "max_per_day: 2 $  # enough\n", "max_per_day: 5 $  # enough\n      plan: paid\n"
    )
    assert changed(PATH, COMMENTED, 1, {"with": "c, d", "plan": "paid"}) == COMMENTED.replace(
        "with: 'a: b'}", "with: 'c, d', plan: paid}"
    )


def test_what_is_taken_back_leaves_the_rest() -> None:
    first = removed(PATH, COMMENTED, [0])
    assert [each["provider"] for each in allowed(first)] == ["huggingface"]
    none = removed(PATH, first, [0])
    assert allowed(none) == []
    assert [line for line in none.splitlines() if "#" in line] == [
        line
        for line in COMMENTED.splitlines()
        if "#" in line and "provider" not in line and "max" not in line
    ]
    assert allowed(removed(PATH, COMMENTED, [0, 1])) == []
    assert allowed(added(PATH, none, NEW)) == [NEW]


@pytest.mark.parametrize(
    "text",
    [
        "burst: {allowed: [{provider: groq, for: a}]}\n",
        "burst:\n  allowed: &here\n  -\n    provider: groq\n    for: a\n",
        "burst: {allowed: [{provider: groq, for: a}], after: 5 s}  # one line\n",
    ],
)
def test_what_cannot_be_changed_in_place_is_left_to_its_owner(text: str) -> None:
    with pytest.raises(SettingsError, match="form that this command does not change") as refused:
        removed(PATH, text, [0])
    assert refused.value.hint == "Change it by hand."
    if "[" in text:
        with pytest.raises(SettingsError) as refused:
            added(PATH, text, NEW)
        assert refused.value.hint.endswith(
            "    - provider: openrouter\n      for: 'x: y'\n      max_per_day: 2.5 $\n"
        )


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1)
sums = st.integers(0, 10**9).map(lambda micro: f"{micro / 1000:.3f} $")
entries = st.fixed_dictionaries(
    {"provider": words, "for": words}, optional={"with": words, "max_per_day": sums, "max_per_month": sums}
)
steps = st.lists(
    st.tuples(st.just("add"), entries)
    | st.tuples(st.just("change"), entries)
    | st.tuples(st.just("remove"), st.integers(0, 9)),
    max_size=8,
)


@given(steps, st.sampled_from(["", "# mine\n", "burst:\n", COMMENTED, "burst: {after: 5 s}\n"]), st.randoms())
def test_any_changes_read_back_as_what_was_meant(steps: list[Any], text: str, random: Any) -> None:
    meant = allowed(text) if "burst" in text else []
    comments = text.count("# mine") + text.count("# the end")
    for what, value in steps:
        number = random.randrange(len(meant)) if meant else None
        if what == "add" and text != "burst: {after: 5 s}\n":
            text = added(PATH, text, value)
            meant.append(value)
        elif what == "change" and number is not None:
            text = changed(PATH, text, number, value)
            meant[number] = meant[number] | value
        elif what == "remove" and number is not None:
            text = removed(PATH, text, [number])
            del meant[number]
    assert (allowed(text) if "burst" in text else []) == meant
    assert text.count("# mine") + text.count("# the end") == comments


@given(st.lists(entries, max_size=4))
def test_what_was_written_is_what_is_allowed(made: list[dict[str, str]]) -> None:
    text = ""
    for entry in made:
        text = added(PATH, text, entry)
    config = allowed_in(parse_marked(PATH, text))
    assert [each.model_dump(by_alias=True, exclude_unset=True)["for"] for each in config.allowed] == [
        each["for"] for each in made
    ]
    again = yaml.safe_dump({"burst": config.model_dump(mode="json", by_alias=True, exclude_unset=True)})
    assert allowed_in(parse_marked(PATH, again)).model_dump() == config.model_dump()
