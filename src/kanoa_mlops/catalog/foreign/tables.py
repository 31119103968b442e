"""What is known of llama.cpp's architectures and projectors."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import Field

from kanoa_mlops.catalog.types.base import Entry


class Windows(Entry):
    """How an architecture spreads sliding windows over its layers."""

    period: int | None = None
    window: int | None = None
    """Tokens, where the file names none."""
    layers: int | None = None
    """Only a model of this many has windows."""


class Projector(Entry):
    """What tokens an image becomes; expressions are those of `expression.py`."""

    rule: Literal["fixed", "tiles", "area"]
    tokens: str
    """fixed: of an image. tiles: of a tile. area: at most."""
    side: str = "image_size"
    least: str = "1"
    tiles: str = "1"
    defaults: dict[str, int] = Field(default_factory=dict)


@cache
def architectures() -> dict[str, Windows]:
    return {name: Windows.model_validate(facts) for name, facts in _read("architectures").items()}


@cache
def projectors() -> dict[str, Projector]:
    return {name: Projector.model_validate(facts) for name, facts in _read("projectors").items()}


def _read(name: str) -> dict[str, Any]:
    file = resources.files("kanoa_mlops.catalog.foreign") / "gguf_tables" / f"{name}.yaml"
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document
