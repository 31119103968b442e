"""Answers as providers publish them, and stores before a provider that gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanoa_mlops.grounding.connectors import Store, connect, parse_grounding_file

_FOLDER = Path(__file__).parents[2] / "fixtures" / "grounding"
KEY = "sk-secret"


def recorded(name: str) -> Any:
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@contextmanager
def store(entry: Mapping[str, Any]) -> Iterator[Store]:
    """As grounding.yaml gives it; JSON is YAML too."""
    text = json.dumps({"stores": {"lab": entry}})
    file = parse_grounding_file(Path("/home/you/grounding.yaml"), text, {"LAB_KEY": KEY})
    lab = connect("lab", file.stores["lab"])
    try:
        yield lab
    finally:
        lab.close()
