"""What the guides say of grounding.yaml is what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kanoa_mlops.grounding.connectors import parse_grounding_file

_GUIDE = Path(__file__).parents[3] / "docs/how-to/vector-databases.md"
_BLOCKS = re.findall(r"```yaml\n(.*?)```", _GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", _BLOCKS)
def test_what_the_guide_writes_is_read(text: str) -> None:
    found = parse_grounding_file(Path("grounding.yaml"), text, {})
    assert {store.provider for store in found.stores.values()} <= {"pgvector", "qdrant", "chroma"}


def test_the_guide_shows_all_three() -> None:
    first = parse_grounding_file(Path("grounding.yaml"), _BLOCKS[0], {})
    assert sorted(each.provider for each in first.stores.values()) == ["chroma", "pgvector", "qdrant"]
