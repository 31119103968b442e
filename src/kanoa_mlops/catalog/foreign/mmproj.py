"""How a model sees, from the vision projector (mmproj) that llama.cpp loads beside it."""

from __future__ import annotations

import math
from typing import Any

from kanoa_mlops.catalog.foreign.facts import Facts
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader
from kanoa_mlops.catalog.foreign.refusal import refusal
from kanoa_mlops.catalog.foreign.tables import Projector, projectors

_FILE = "the mmproj file"
_PREFIX = "clip.vision"


def vision(header: GgufHeader, hidden_size: int) -> dict[str, Any]:
    """As an entry of the catalog writes it; `hidden_size` is that of the language model.

    Raises:
        UnknownArchitecture: it is no projector, or of a kind that is not understood.
    """
    if header.metadata.get("general.architecture") != "clip":
        raise refusal(_FILE, "is no vision projector", hint="Give the file whose name says mmproj.")
    kind = header.metadata.get("clip.projector_type") or header.metadata.get(f"{_PREFIX}.projector_type")
    projector = projectors().get(kind) if isinstance(kind, str) else None
    if projector is None:
        raise refusal(_FILE, f"the projector {kind!r:.60} is not understood")
    facts = Facts(header, _PREFIX, _FILE, projector.defaults | {"grid_tiles": _grid_tiles(header)})
    rule = _rule(facts, projector)
    image_size = facts.count("image_size")
    if rule["kind"] == "area":
        image_size = math.isqrt(rule["most"]) * int(rule["token_size"])
    return {
        "tower": f"as in its mmproj ({kind})",
        "parameters": header.elements(),
        "layers": facts.count("block_count"),
        "hidden_size": facts.count("embedding_length"),
        "feed_forward_size": facts.count("feed_forward_length"),
        "heads": facts.count("attention.head_count"),
        "patch_size": facts.count("patch_size"),
        "image_size": image_size,
        "width": hidden_size * (1 + _deepstack(facts)),
        "projector": kind,
        "image_tokens": {key: _with_unit(key, value) for key, value in rule.items()},
        "source": "files",
    }


def _rule(facts: Facts, projector: Projector) -> dict[str, Any]:
    tokens = facts.evaluate(projector.tokens)
    if projector.rule == "fixed":
        return {"kind": "fixed", "tokens": tokens}
    side = facts.evaluate(projector.side)
    if projector.rule == "area":
        return {
            "kind": "area",
            "token_size": side,
            "least": facts.evaluate(projector.least),
            "most": tokens,
        }
    tiles = facts.evaluate(projector.tiles)
    if tiles <= 1:
        return {"kind": "fixed", "tokens": tokens}
    return {"kind": "tiles", "tile_size": side, "tile_tokens": tokens, "tiles": tiles, "overview": True}


def _grid_tiles(header: GgufHeader) -> int:
    """Tiles of the largest grid in the file's list of widths and heights; 1 where it has none."""
    sides = header.metadata.get(f"{_PREFIX}.image_grid_pinpoints")
    tile = header.metadata.get(f"{_PREFIX}.image_size")
    if not isinstance(sides, tuple) or not isinstance(tile, int) or tile < 1:
        return 1
    pairs = zip(sides[::2], sides[1::2], strict=False)
    return max((int(width) // tile * (int(height) // tile) for width, height in pairs), default=1)


def _deepstack(facts: Facts) -> int:
    layers = facts.get("is_deepstack_layers")
    return sum(map(bool, layers)) if isinstance(layers, tuple) else 0


def _with_unit(key: str, value: Any) -> Any:
    return f"{value} tokens" if key in ("tokens", "tile_tokens", "least", "most") else value
