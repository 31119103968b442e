"""The program as a whole: help, errors and exit codes, as text."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kanoa_mlops.cli.main import _COMMANDS, cli
from tests.conftest import PROGRAM


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


def test_help_is_a_column_of_commands() -> None:
    assert run("--help").stdout == HELP
    assert run("-h").stdout == HELP


def test_help_imports_next_to_nothing() -> None:
    code = (
        "import sys; from kanoa_mlops.cli.main import _run; _run(['--help'], 'x'); "
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.split())
    assert "click" in loaded
    assert not loaded & {"aiohttp", "pydantic", "rich", "yaml", "psutil", "asyncio", "ssl", "platformdirs"}


def _every_command() -> list[str]:
    """Those of a command as well: 'burst', 'burst allow'."""
    found = []
    for name in _COMMANDS:
        command = importlib.import_module(f"kanoa_mlops.cli.{name}").command
        found += [name, *(f"{name} {each}" for each in getattr(command, "commands", ()))]
    return found


def test_every_command_explains_itself_in_80_columns() -> None:
    commands = _every_command()
    assert {"plan", "burst", "burst allow"} <= set(commands)
    for name in commands:
        # As the program does, and without starting it for each.
        shown = CliRunner().invoke(cli, [*name.split(), "--help"], prog_name="kanoa-mlops", terminal_width=80)
        assert shown.exit_code == 0, shown.output
        assert shown.output.startswith(f"Usage: kanoa-mlops {name}")
        assert all(len(line) <= 80 for line in shown.output.splitlines()), name
        assert not re.search(r"[a-z]\.\.\.", shown.output), f"a sentence of {name} is cut"
        assert not re.search(r"\bTEXT\b", shown.output), f"an option of {name} does not say what it takes"
        assert "Ctrl+C" not in shown.output, "it is Ctrl-C everywhere"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["sttus"], "Error: There is no command 'sttus'. Did you mean `status`?\n"),
        (["burst", "alow"], "Error: There is no command 'alow'. Did you mean `allow`?\n"),
        (["stauts", "--json"], "Error: There is no command 'stauts'. Did you mean `status`?\n"),
        (["plan", "smollm2", "--platfrom", "l4"], "'--platfrom'. Did you mean '--platform'?\n"),
        (["plan", "smollm2", "--acme", "x"], "for help.\n\nError: No such option '--acme'.\n"),
        (["plan", "smollm2", "--platform", "nope"], "'nope' in the catalog.\n`kanoa-mlops platforms` lists"),
        (["serve", "--port", "99999"], "99999 is not in the range 1<=x<=65535"),
        (
            ["pull", "smolm2"],
            "error: There is no model called 'smolm2' in the catalog.\nDid you mean smollm2",
        ),
        (["serve", "nothing-like-it"], "`kanoa-mlops models` lists all."),
        (["serve", "smollm2", "--context", "9000"], "at most 8192 tokens of context; 9000 was asked for"),
        (["serve", "smollm2", "--weights", "q9"], "has no weights called 'q9'.\nIt has: q4_1."),
        (["pull", "--offline", "smollm2"], "error: "),
        (["ask", "Hello?"], "error: Nothing is being served.\nStart with `kanoa-mlops serve -d`.\n"),
        (["logs"], "error: Nothing is being served."),
        (["restart"], "error: Nothing is being served."),
        (["ask", "x", "--image", "/no/such.png"], "File '/no/such.png' does not exist."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_named_and_ends_with_1(home: Path, arguments: list[str], complaint: str) -> None:
    refused = run(*arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_mistake_in_the_settings_is_named(home: Path) -> None:
    file = home / "config" / "mlops.toml"
    file.parent.mkdir()
    file.write_text("prot = 8100\n")
    refused = run("models")
    assert refused.returncode == 1
    assert f"error: {file}: prot: Extra inputs are not permitted" in refused.stderr


def test_a_mistake_in_a_persons_catalog_is_named(home: Path) -> None:
    file = home / "config" / "catalog" / "models" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("title: Mine\n")
    refused = run("models")
    assert refused.returncode == 1
    assert f"error: {file}: sources: Field required" in refused.stderr


def test_a_cache_that_cannot_be_written_is_no_traceback(home: Path) -> None:
    (home / "cache").write_text("a file where a folder should be")
    refused = run("pull", "smollm2")
    assert refused.returncode in (1, 2)
    assert refused.stderr.startswith("error: ")
    assert "Traceback" not in refused.stderr


def test_data_goes_to_stdout_and_the_rest_to_stderr(home: Path) -> None:
    shown = run("models")
    assert "smollm2-135m-instruct" in shown.stdout
    assert "Weights are kept in" not in shown.stdout
    assert "Weights are kept in" in shown.stderr
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert "\x1b" not in shown.stdout + shown.stderr


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    shell = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{PROGRAM}' models --json | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in shell.stderr
    assert "Exception" not in shell.stderr


HELP = """\
Usage: kanoa-mlops [OPTIONS] COMMAND [ARGS]...

  The hardware you have, as a private endpoint for kanoa.

  Start with `kanoa-mlops demo`, or `kanoa-mlops serve` and paste the lines it
  prints into a notebook.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
  demo       Interpret a figure with kanoa on this machine, from nothing.
  doctor     What this machine is, what is missing, and what to run about it.
  plan       Whether a model fits, how fast, and what to change if not.
  models     The models there are, and what is on disk.
  pull       Fetch a model's weights, checked and resumable.
  trust      Let the code that a model brings run here.
  matrix     Every model on every platform, planned or measured.
  platforms  The machines that a plan can be made for.
  serve      Serve models on a private OpenAI-compatible endpoint.
  gateway    The front door alone, before engines that run already.
  ground     Your own documents, for answers to stand on.
  keys       Who may ask the gateway, and for how much.
  burst      What may be answered beyond the LAN, and for how much.
  usage      What was asked of the gateway, and what it cost.
  pricing    Tell kanoa what its answers cost.
  render     The same plan for Compose; Traefik before several gateways.
  status     What is being served, asked of the processes themselves.
  top        Backends, queues, tokens a second and cost, as they change.
  ask        Ask a served model, from the terminal.
  bench      How fast a served model answers, alone and under load.
  logs       What the server and its engines wrote.
  restart    Stop and serve the same again.
  stop       Stop serving.
"""
