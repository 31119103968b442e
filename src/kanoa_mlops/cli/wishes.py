"""The options by which a person says what a plan should keep to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from kanoa_mlops.planner.wish import Wish

_OPTIONS = (
    click.option(
        "--weights", metavar="NAME", help="Which of a model's weights.  [default: the best that fit]"
    ),
    click.option("--context", type=click.IntRange(1), help="Tokens of one request, prompt and answer."),
    click.option("--parallel", type=click.IntRange(1), help="Requests worked on at once."),
    click.option("--images", type=click.IntRange(0), help="Images of one request."),
    click.option(
        "--cache-bits",
        type=click.Choice(["8", "16"]),
        help="Bits of a number in the key-value cache.  [default: 16]",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; a command passes what they give to `wish`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wish(
    weights: str | None,
    context: int | None,
    parallel: int | None,
    images: int | None,
    cache_bits: str | None,
    **others: Any,
) -> Wish:
    """From the options' values; `others` are fields of the wish that only some commands ask for."""
    return Wish(
        weights=weights,
        context=context,
        sequences=parallel,
        images=images,
        cache_bits=None if cache_bits is None else 8 if cache_bits == "8" else 16,
        **others,
    )
