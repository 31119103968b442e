"""What is known of a kind of configuration: one YAML file a `model_type`.

Configurations leave out what their class fills in, so a family holds the class's own defaults beside the
shapes of its tensors. Expressions are those of `expression.py`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from kanoa_mlops.catalog.types.base import Entry
from kanoa_mlops.errors import CatalogError

Expression = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Value = Any
"""As in JSON."""
_Kind = TypeVar("_Kind", bound=Entry)
_NAME = re.compile(r"[a-z0-9_.-]+")


class AttentionRule(Entry):
    """Which layers attend how, where no `layer_types` says so."""

    rule: Literal["full", "window", "after", "every"]
    """full: all to everything. window: all within `sliding_window`, if it is set. after: those from layer
    `first` on within the window. every: each `period`-th to everything, the others within the window."""
    switch: str | None = None
    """A truth that must hold for there to be a window at all."""
    first: str | None = None
    period: int | str | None = None
    """A number, or the key of one."""
    default_period: int | None = None


class ExpertKeys(Entry):
    """Where a mixture of experts is described."""

    count: str
    used: str
    feed_forward_size: str


class Kind(Entry):
    """How a part of a configuration is read."""

    source: str = Field(pattern=r"^https://")
    """The class that the defaults and shapes were read from."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Our noun -> the configuration's key, where it is not the usual one. '=...' is an expression."""
    defaults: dict[str, Value] = Field(default_factory=dict)
    """What the class fills in for a key that is left out. '=...' is an expression."""
    understood: dict[str, tuple[Value, ...]] = Field(default_factory=dict)
    """Keys that, where they are given, must have one of these values; else the shapes here are wrong."""
    words: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Keys whose value is a word, and the number that stands for it in the shapes."""


class Served(Entry):
    """What is to be known of an engine that serves the family."""

    until: str | None = None
    remote_code: bool = False
    quirk: str = ""


class Language(Kind):
    """A language model."""

    kind: Literal["language"]
    classes: tuple[str, ...]
    """In config.json's `architectures`."""
    architecture: str
    """llama.cpp's name."""
    vllm: Served | None = Served()
    attention: AttentionRule = AttentionRule(rule="full")
    experts: ExpertKeys | None = None
    layer: tuple[Expression, ...]
    """Parameters of one layer, routed experts left out."""
    cross: tuple[Expression, ...] = ()
    """Parameters of a cross-attention layer, which takes the place of a usual one."""
    expert: tuple[Expression, ...] = ()
    """Parameters of all routed experts of one layer."""
    rest: tuple[Expression, ...]
    """Parameters outside layers, token embedding and output head left out."""
    embedding: Expression = "vocabulary hidden_size"
    output: Expression = "vocabulary hidden_size"
    """Where it is not tied."""


class Tower(Kind):
    """A vision tower."""

    kind: Literal["tower"]
    title: str
    layer: tuple[Expression, ...]
    rest: tuple[Expression, ...]


class Images(Entry):
    """What joins a tower to a language model, and the tokens that come of it."""

    projector: str | None = None
    """llama.cpp's `clip.projector_type`."""
    tensors: tuple[Expression, ...] = ()
    """Parameters of the projector. `vision.x` and `text.x` are the parts' numbers, `image.x` the
    preprocessor's."""
    names: dict[str, Expression] = Field(default_factory=dict)
    """Shorter names for expressions that the others use."""
    width: Expression = "text.hidden_size"
    rule: Literal["fixed", "tiles", "anyres", "area"]
    """anyres: tiles in the grid of `image_grid_pinpoints` nearest to the image's shape, a mark after each row
    of patches."""
    tokens: Expression
    """fixed: of an image. tiles, anyres: of a tile. area: at most."""
    least: Expression = "1"
    side: Expression = "vision.image_size"
    """Pixels of a tile's side; for areas, of the square that one token stands for."""
    tiles: Expression = "1"
    most_tiles: int | None = None
    """anyres: larger grids are shrunk to as many patches as this many tiles have."""
    overview: bool = True
    in_prompt: bool = True
    understood: dict[str, tuple[Value, ...]] = Field(default_factory=dict)


class Composite(Kind):
    """A language model that sees."""

    kind: Literal["composite"]
    classes: tuple[str, ...]
    architecture: str | None = None
    """llama.cpp's name, where it is not that of the language model."""
    vllm: Served | None = Served()
    text: str | None = None
    """Key of the language model's part; where it is left out, it stands at the top."""
    text_type: str
    """Of a part that does not say what it is."""
    vision: str | None = None
    """Key of the tower's part. None: the tower is given by the class, not by the configuration."""
    vision_type: str
    vision_spellings: dict[str, str] = Field(default_factory=dict)
    """Other names under which configurations give the type of a tower."""
    preprocessor: dict[str, Value] = Field(default_factory=dict)
    """Defaults of the class that prepares images."""
    towers: dict[str, Images]
    """By the tower's type."""

    @model_validator(mode="after")
    def _knows_its_tower(self) -> Self:
        if self.vision_type not in self.towers:
            raise ValueError(f"towers must hold the default, {self.vision_type}")
        return self


Family = Annotated[Language | Composite, Field(discriminator="kind")]


class _Entry(Entry):
    family: Family


@cache
def find_family(model_type: str) -> Language | Composite | None:
    """The family of a configuration's `model_type`, if it is known."""
    document = _read("families", model_type)
    return None if document is None else _build(_Entry, {"family": document}, model_type).family


@cache
def find_tower(model_type: str) -> Tower | None:
    """The tower of a vision configuration's `model_type`, if it is known."""
    document = _read("towers", model_type)
    return None if document is None else _build(Tower, document, model_type)


def known_families() -> tuple[str, ...]:
    folder = resources.files("kanoa_mlops.catalog.foreign") / "families"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir()))


def _read(folder: str, name: str) -> dict[str, Any] | None:
    if not _NAME.fullmatch(name):
        return None
    file = resources.files("kanoa_mlops.catalog.foreign") / folder / f"{name}.yaml"
    if not file.is_file():
        return None
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    if base := document.pop("like", None):
        return (_read(folder, base) or {}) | document
    return document


def _build(kind: type[_Kind], document: dict[str, Any], name: str) -> _Kind:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise CatalogError(f"{name}.yaml: {error}") from error
