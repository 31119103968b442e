"""The models that the guide recommends are those of the catalog."""

from __future__ import annotations

import re
from pathlib import Path

from kanoa_mlops.catalog.load import Catalog

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "ollama.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| ([\d.]+) GB \| \**([^|*]+?)\** \|", re.MULTILINE)


def test_tags_sizes_and_versions(catalog: Catalog) -> None:
    rows = ROW.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(rows) == 6
    for model, tag, size, version in rows:
        found = catalog.models[model]
        [weights] = [each for each in found.weights if each.tag == tag]
        assert weights.tag_size is not None
        assert f"{weights.tag_size / 1e9:.1f}" == size, tag
        support = found.engines["ollama"]
        assert version == (
            f"{support.since} or newer"
            if support.since
            else f"{support.until} or older"
            if support.until
            else "any"
        )
