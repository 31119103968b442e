"""How many tokens an image becomes, by the model's own rule."""

from __future__ import annotations

import math

from kanoa_mlops.catalog.types import AreaTokens, FixedTokens, TiledTokens, Vision


def image_tokens(vision: Vision, width: int, height: int) -> int:
    """Of an image of this many pixels."""
    rule = vision.image_tokens
    match rule:
        case FixedTokens():
            return rule.tokens
        case TiledTokens():
            tiles = min(rule.tiles, math.ceil(width / rule.tile_size) * math.ceil(height / rule.tile_size))
            return (tiles + rule.overview) * rule.tile_tokens
        case AreaTokens():
            side = rule.token_size
            tokens = max(1, round(width / side)) * max(1, round(height / side))
            return min(rule.most, max(rule.least, tokens))


def most_image_tokens(vision: Vision) -> int:
    """Of the largest image the model takes; engines set aside memory for it."""
    rule = vision.image_tokens
    match rule:
        case FixedTokens():
            return rule.tokens
        case TiledTokens():
            return (rule.tiles + rule.overview) * rule.tile_tokens
        case AreaTokens():
            return rule.most


def most_patches(vision: Vision) -> int:
    """Positions the tower works on for the largest image, all tiles together."""
    rule = vision.image_tokens
    match rule:
        case FixedTokens():
            return _square(vision)
        case TiledTokens():
            return (rule.tiles + rule.overview) * _square(vision)
        case AreaTokens():
            return rule.most * (rule.token_size // vision.patch_size) ** 2


def _square(vision: Vision) -> int:
    return (vision.image_size // vision.patch_size) ** 2
