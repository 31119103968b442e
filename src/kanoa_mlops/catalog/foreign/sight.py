"""How a model sees, from its configuration and that of the code that prepares its images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from kanoa_mlops.catalog.foreign.expression import evaluate
from kanoa_mlops.catalog.foreign.family import Images, Tower
from kanoa_mlops.catalog.foreign.reading import Reading
from kanoa_mlops.catalog.foreign.refusal import refusal


class Parts:
    """The numbers of all parts of a model that sees: `vision.x`, `text.x`, `image.x`, and its own."""

    def __init__(
        self, whole: Reading, text: Reading, vision: Reading, images: Images, image: Mapping[str, Any]
    ) -> None:
        """`image` is the preprocessor's configuration with its class's defaults."""
        self.where = whole.where
        self._whole, self._parts, self._image = whole, {"text": text, "vision": vision}, image
        self._names = {"side": images.side, **images.names}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        part, _, rest = name.partition(".")
        if part == "image":
            return _find(self._image, rest) is not None
        return (
            rest in self._parts[part] if part in self._parts else name in self._names or name in self._whole
        )

    def number(self, name: str) -> Fraction:
        length = "#" if name.startswith("#") else ""
        part, _, rest = name.removeprefix("#").partition(".")
        if part in self._parts:
            return self._parts[part].number(length + rest)
        if part == "image":
            value = _find(self._image, rest)
            if not isinstance(value, int) or value < 1:
                raise refusal("preprocessor_config.json", f"{rest} should be a number above 0")
            return Fraction(value)
        if name in self._names:
            return Fraction(self.evaluate(self._names[name]))
        return self._whole.number(name)

    def get(self, name: str) -> Any:
        return self._whole.get(name)

    def evaluate(self, *expressions: str) -> int:
        try:
            return sum(evaluate(expression, self) for expression in expressions)
        except ValueError as error:
            raise refusal(self.where, f"its numbers do not go together: {error}") from error


def vision(parts: Parts, tower: Tower, config: Reading, images: Images) -> dict[str, Any]:
    """As an entry of the catalog writes it; the source is left to the caller.

    Raises:
        UnknownArchitecture: a number is missing or means something that is not understood.
    """
    rule = _rule(parts, images)
    document = {
        "tower": tower.title,
        "parameters": config.count("layers") * config.evaluate(*tower.layer)
        + config.evaluate(*tower.rest)
        + parts.evaluate(*images.tensors),
        "layers": config.count("layers"),
        "hidden_size": config.count("hidden_size"),
        "feed_forward_size": config.count("feed_forward_size"),
        "heads": config.count("heads"),
        "patch_size": config.count("patch_size"),
        "image_size": _image_size(config, rule),
        "width": parts.evaluate(images.width),
        "image_tokens": _with_units(rule),
        "in_prompt": images.in_prompt,
    }
    return document | ({"projector": images.projector} if images.projector else {})


def _image_size(config: Reading, rule: Mapping[str, Any]) -> int:
    if rule["kind"] == "area":
        return math.isqrt(rule["most"]) * int(rule["token_size"])
    return config.count("image_size")


def _rule(parts: Parts, images: Images) -> dict[str, Any]:
    tokens = parts.evaluate(images.tokens)
    match images.rule:
        case "fixed":
            return {"kind": "fixed", "tokens": tokens}
        case "area":
            side, least = parts.evaluate(images.side), parts.evaluate(images.least)
            return {"kind": "area", "token_size": side, "least": least, "most": tokens}
        case "anyres":
            tile = parts.evaluate(images.side)
            tiles, most = _most_of_grids(parts, tile, math.isqrt(tokens), images.most_tiles)
            each = -(-most // (tiles + 1))
        case "tiles":
            tile, tiles, each = parts.evaluate(images.side), parts.evaluate(images.tiles), tokens
    return {
        "kind": "tiles",
        "tile_size": tile,
        "tile_tokens": each,
        "tiles": tiles,
        "overview": images.overview,
    }


def _most_of_grids(parts: Parts, tile: int, patches: int, most_tiles: int | None) -> tuple[int, int]:
    """(tiles, tokens) of the grid that gives the most tokens, `patches` on a tile's side; the whole image is
    seen once more. A grid larger than `most_tiles` is shrunk where that makes its sides a tenth smaller."""
    grids = parts.get("image_grid_pinpoints")
    if not isinstance(grids, list) or not grids or not all(_is_grid(each, tile) for each in grids):
        raise refusal(parts.where, f"image_grid_pinpoints should list multiples of {tile} pixels")
    found = []
    for height, width in grids:
        rows, columns = patches * (height // tile), patches * (width // tile)
        tiles = (height // tile) * (width // tile)
        if most_tiles is not None:
            ratio = math.sqrt(rows * columns / (most_tiles * patches**2))
            if ratio > 1.1:
                rows, columns = int(rows // ratio), int(columns // ratio)
            tiles = min(tiles, most_tiles)
        found.append((rows * columns + rows + patches**2, tiles))
    tokens, tiles = max(found)
    return tiles, tokens


def _is_grid(value: object, tile: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(side, int) and 0 < side <= 2**16 and side % tile == 0 for side in value)
    )


def _with_units(rule: Mapping[str, Any]) -> dict[str, Any]:
    counted = ("tokens", "tile_tokens", "least", "most")
    return {key: f"{value} tokens" if key in counted else value for key, value in rule.items()}


def _find(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
