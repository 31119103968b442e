"""The program: a column of commands, each imported only when it is the one to run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from io import StringIO

import click

from kanoa_mlops import __version__
from kanoa_mlops.cli.folded import folded
from kanoa_mlops.cli.group import Group
from kanoa_mlops.errors import KanoaError

# Name -> line of help, in the order a person meets them. The module has the command's name.
_COMMANDS = {
    "demo": "Interpret a figure with kanoa on this machine, from nothing.",
    "doctor": "What this machine is, what is missing, and what to run about it.",
    "plan": "Whether a model fits, how fast, and what to change if not.",
    "models": "The models there are, and what is on disk.",
    "pull": "Fetch a model's weights, checked and resumable.",
    "trust": "Let the code that a model brings run here.",
    "matrix": "Every model on every platform, planned or measured.",
    "platforms": "The machines that a plan can be made for.",
    "serve": "Serve models on a private OpenAI-compatible endpoint.",
    "gateway": "The front door alone, before engines that run already.",
    "ground": "Your own documents, for answers to stand on.",
    "keys": "Who may ask the gateway, and for how much.",
    "burst": "What may be answered beyond the LAN, and for how much.",
    "usage": "What was asked of the gateway, and what it cost.",
    "pricing": "Tell kanoa what its answers cost.",
    "render": "The same plan for Compose; Traefik before several gateways.",
    "status": "What is being served, asked of the processes themselves.",
    "top": "Backends, queues, tokens a second and cost, as they change.",
    "ask": "Ask a served model, from the terminal.",
    "bench": "How fast a served model answers, alone and under load.",
    "logs": "What the server and its engines wrote.",
    "restart": "Stop and serve the same again.",
    "stop": "Stop serving.",
}


class _Commands(Group):
    """Imports a command's module when it is needed, so that --help costs next to nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"kanoa_mlops.cli.{name}").command
        return command

    def told(self, ctx: click.Context, name: str) -> str:
        return _COMMANDS[name]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, message="kanoa-mlops %(version)s")
def cli() -> None:
    """The hardware you have, as a private endpoint for kanoa.

    Start with `kanoa-mlops demo`, or `kanoa-mlops serve` and paste the lines it
    prints into a notebook.
    """


def main(arguments: Sequence[str] | None = None, program: str = "kanoa-mlops") -> None:
    """Run one command and end the process: 0 fine, 1 your input, 2 our fault, 130 interrupted."""
    sys.exit(_run(arguments, program))


def _run(arguments: Sequence[str] | None, program: str) -> int:
    try:
        code = cli.main(args=arguments, prog_name=program, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption):
            error = _with_options_like_it(error)
        said = StringIO()
        error.show(file=said)
        click.echo(folded(said.getvalue().rstrip("\n"), sys.stderr), err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted.", err=True)
        return 130
    except KanoaError as error:
        for line in filter(None, (f"error: {error.message}", error.hint)):
            click.echo(folded(line, sys.stderr), err=True)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has left (`… | head`), which is its right.
        sys.stderr.close()
        return 0
    except Exception as error:
        return _unexpected(error)


def _with_options_like_it(error: click.NoSuchOption) -> click.NoSuchOption:
    """Of those that help shows. Click counts the dashes in front as likeness: of --acme it made --batch."""
    from kanoa_mlops.nearest import nearest_names

    if error.ctx is None:
        return error
    listed = [each for each in error.ctx.command.get_params(error.ctx) if isinstance(each, click.Option)]
    shown = [name for each in listed if not each.hidden for name in (*each.opts, *each.secondary_opts)]
    bare = {name.lstrip("-"): name for name in shown}
    near = [bare[each] for each in nearest_names(error.option_name.lstrip("-"), bare)]
    return click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx)


def _unexpected(error: Exception) -> int:
    """Our own mistake: the person gets one line and a file, not a traceback."""
    import tempfile
    import traceback
    from pathlib import Path

    with tempfile.NamedTemporaryFile(
        "w", prefix="kanoa-mlops-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    click.echo(f"error: {type(error).__name__}: {error}", err=True)
    click.echo(f"This is a fault of kanoa-mlops. The details are in {Path(file.name)}", err=True)
    return 2
