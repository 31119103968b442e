"""How a model sees: its vision tower, and how many tokens an image becomes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kanoa_mlops.catalog.fields import Count, SourceName, Tokens
from kanoa_mlops.catalog.types.base import Entry


class FixedTokens(Entry):
    """Every image becomes the same number of tokens."""

    kind: Literal["fixed"]
    tokens: Tokens


class TiledTokens(Entry):
    """An image is cut into tiles of one size, and seen once more as a whole."""

    kind: Literal["tiles"]
    tile_size: Count
    """Pixels of a tile's side."""
    tile_tokens: Tokens
    """Of one tile, row and separator tokens included."""
    tiles: Count
    """At most, the overview not counted."""
    overview: bool = True
    """The whole image is one tile more."""


class AreaTokens(Entry):
    """The image keeps its shape; tokens follow its area."""

    kind: Literal["area"]
    token_size: Count
    """Pixels of the side of the square that one token stands for."""
    least: Tokens
    most: Tokens
    """The engine shrinks larger images to this."""


ImageTokens = Annotated[FixedTokens | TiledTokens | AreaTokens, Field(discriminator="kind")]


class Vision(Entry):
    tower: str
    """Its common name."""
    parameters: Count
    """Tower and projector together."""
    layers: Count
    hidden_size: Count
    feed_forward_size: Count
    heads: Count
    patch_size: Count
    """Pixels of a patch's side."""
    image_size: Count
    """Pixels of the side the tower works at: of the whole image, or of one tile. For area rules, of the
    square image of `most` tokens."""
    width: Count
    """Numbers an image token hands to the language model; hidden size, times one more a deepstack level."""
    projector: str | None = None
    """llama.cpp's `clip.projector_type`; None where llama.cpp has none for it."""
    image_tokens: ImageTokens
    in_prompt: bool = True
    """Image tokens stand in the prompt; False where cross-attention reads them from the side."""
    source: SourceName
