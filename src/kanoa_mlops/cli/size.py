"""A size of memory on the command line: '12GiB', '800 MiB', or a number of bytes."""

from __future__ import annotations

import click

from kanoa_mlops.units import parse_bytes


class Size(click.ParamType[int]):
    """Gives bytes."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return int(value) if value.isdecimal() else parse_bytes(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


SIZE = Size()
