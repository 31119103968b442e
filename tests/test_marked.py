"""Any text there is: read, or refused in our words with a line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.burst.granting import burst_of
from kanoa_mlops.gateway.burst.read import allowed_in
from kanoa_mlops.gateway.config import GatewayConfig
from kanoa_mlops.marked import Place, parse_marked, read_marked
from kanoa_mlops.placed import validated
from tests.gateway.burst.test_read import GOOD

PATH = Path("x.yaml")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["burst", "allowed", "provider", "for", "with", "base_url", "price", "limits", "after"]
)
likely = st.recursive(
    values | st.sampled_from(["groq", "gpt-oss-120b", "2 $", "10 s", "https://x/v1"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.text() | likely.map(lambda each: yaml.safe_dump({"burst": each})))
@example("burst: &a {allowed: [*a]}")
@example("&a [*a]")
@example("burst: {allowed: &a [*a]}")
@example("? [a]\n: b")
@example("? {a: b}\n: c")
@example("a: !!timestamp x")
@example("a: !!bool maybe")
@example("a: !!int ''")
@example("a: !!binary é")
@example("a: !!python/object:os.system x")
@example("a: !!timestamp {=: 1}")
@example("a: !!int x\nb: =")
@example("a: 2026-13-45")
@example("--- a\n--- b")
@example("[" * 3000)
@example("burst: {allowed: [" + "[" * 400 + "]" * 400 + "]}")
@example("a: *b")
@example("<<: 7")
@example("\x00")
@example("1: a\n1: b")
def test_any_text_is_read_or_refused_with_a_line(catalog: Catalog, text: str) -> None:
    for read in (
        lambda file: burst_of(allowed_in(file), catalog),
        lambda file: validated(file, GatewayConfig),
    ):
        try:
            read(parse_marked(PATH, text))
        except SettingsError as error:
            assert re.match(r"x\.yaml:(\d+: |.*not YAML)", error.message, re.DOTALL), error.message


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("burst",), 1),
        (("burst", "after"), 2),
        (("burst", "allowed", 1), 11),
        (("burst", "allowed", 1, "with"), 13),
        (("burst", "allowed", 2, "price", "answer"), 18),
        (("burst", "allowed", 2, "sees"), 15),
        (("burst", "allowed", 9), 5),
        (("burst", "nothing", "below"), 1),
        (("burst", "after", "below"), 2),
    ],
)
def test_a_place_has_a_line_and_what_is_missing_that_of_what_it_is_missing_in(
    place: Place, line: int
) -> None:
    assert parse_marked(PATH, GOOD).line(place) == line


def test_a_key_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a:\n  b: 1\n  c: 2\n  b: 3\n")
    with pytest.raises(SettingsError) as refused:
        read_marked(path)
    assert refused.value.message == f"{path}:4: b is written twice. Keep one."


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"x\.yaml cannot be read: "):
        read_marked(tmp_path / "x.yaml")
