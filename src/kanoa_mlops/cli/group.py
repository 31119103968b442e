"""A command that has commands of its own."""

from __future__ import annotations

from typing import Any

import click

_ENDLESS = 1000
"""Characters; left alone Click cuts what a command does to one line."""


class Group(click.Group):
    """Its help says in a whole sentence what each command does; a wrong name is told with the nearest."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            from kanoa_mlops.nearest import nearest_names

            near = " or ".join(f"`{each}`" for each in nearest_names(args[0], names))
            guess = f" Did you mean {near}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.told(ctx, name)) for name in self.list_commands(ctx)])

    def told(self, ctx: click.Context, name: str) -> str:
        """What this command does."""
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(_ENDLESS)
