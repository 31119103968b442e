"""Options that several commands share, spelled and explained once."""

from __future__ import annotations

from pathlib import Path

import click

from kanoa_mlops.gateway.books.money import parse_micro
from kanoa_mlops.units import parse_age


def age(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """The callback of an option that takes a length of time: seconds."""
    try:
        return None if text is None else parse_age(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def dollars(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """The callback of an option that takes a sum: micro-dollars."""
    if text is None:
        return None
    # Of an unquoted $2.50 a shell leaves .50, and of $20 it leaves 0.
    if text.startswith(".") or not text.strip("0. "):
        raise click.BadParameter(f"{text!r} is what a shell leaves of $2{text}; write 2.50, without the sign")
    try:
        return parse_micro(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
port = click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the endpoint.  [default: 8000, or your setting]"
)
gateway_file = click.option(
    "--config",
    "gateway_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of a gateway that `gateway` runs: its prices and budgets are there.",
)
anyway = click.option("--anyway", is_flag=True, help="Go on although the plan says that it does not fit.")
offline = click.option("--offline", is_flag=True, help="Never touch the network.")
