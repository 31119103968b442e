"""Writes into the guides of docs/how-to what the program says: planned tables, and starts as they would be.

    python -m docs.guides

A guide asks for them by a comment, and what stands between it and `<!-- end -->` is written:

    <!-- python -m docs.guides: plans rtx-4090 -->            a table for one machine
    <!-- python -m docs.guides: speeds rtx-3090 rtx-4090 -->  one column a machine
    <!-- python -m docs.guides: machine rtx-4090 -->          what `doctor` says of it
    <!-- python -m docs.guides: image MODEL rtx-4090 -->      the command that fetches its engine's image
    <!-- python -m docs.guides: run kanoa-mlops serve ... --dry-run --platform rtx-4090 -->

A test fails when what is written is not what the catalog and the planner say now.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import CliRunner, Result

from docs.guide_tables import plans_table, speeds_table
from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Vendor
from kanoa_mlops.cli.inventory import show_machine
from kanoa_mlops.cli.main import cli
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.usual import with_usual_software

GUIDES = Path(__file__).parent / "how-to"
_PART = re.compile(r"(<!-- python -m docs\.guides: (\w+) (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_HOME = "/home/you"
_PERSON = {
    "HOME": _HOME,
    "KANOA_MLOPS_CONFIG": f"{_HOME}/.config/kanoa/mlops.toml",
    "KANOA_MLOPS_CATALOG_DIR": f"{_HOME}/.config/kanoa/catalog",
    "KANOA_MLOPS_CACHE_DIR": f"{_HOME}/.cache/kanoa-mlops",
    "KANOA_MLOPS_STATE_DIR": f"{_HOME}/.local/state/kanoa-mlops",
    "HF_HOME": f"{_HOME}/.cache/huggingface",
}
"""Of somebody whose machine has nothing that would show in the guides."""
_LEFT_OUT = re.compile(
    r"--(cap-drop|env|label|log-driver|log-opt|mount|name|no-healthcheck|pids-limit|pull|read-only|restart|rm"
    r"|security-opt|tmpfs|user)( |$)"
)
"""Flags of a start that are the same on every machine."""
_DOCKER = "29.1.3"
_DRIVERS: dict[Vendor, str] = {"nvidia": "580.95.05", "amd": "6.16.6"}
"""Versions as somebody may have them."""


def guide(text: str, catalog: Catalog) -> str:
    """A guide's text with its written parts as they should be.

    Raises:
        KeyError: it asks for a platform or a kind of part that there is not.
    """

    def written(match: re.Match[str]) -> str:
        return f"{match[1]}\n{_WRITERS[match[2]](match[3], catalog)}\n\n{match[4]}"

    return _PART.sub(written, text)


def main() -> None:
    catalog = load_catalog()
    for path in sorted(GUIDES.glob("*.md")):
        path.write_text(guide(path.read_text(encoding="utf-8"), catalog), encoding="utf-8")


def _image(model_and_platform: str, catalog: Catalog) -> str:
    model, platform = model_and_platform.split()
    command = f"kanoa-mlops serve {model} --dry-run --json --platform {platform}"
    (start,) = json.loads(_invoke(command).stdout)
    image = start["command"][start["command"].index("--entrypoint") + 2]
    return f"```bash\ndocker pull {image}\n```"


def _run(command: str, catalog: Catalog) -> str:
    result = _invoke(command)
    said = [*result.stderr.splitlines(), *_shortened(result.stdout.splitlines())]
    lines = (line.rstrip().replace(_HOME, "~") for line in said)
    return "\n".join(["```console", f"$ {command}", *lines, "```"])


def _invoke(command: str) -> Result:
    return CliRunner().invoke(cli, shlex.split(command)[1:], env=_PERSON, catch_exceptions=False)


def _machine(name: str, catalog: Catalog) -> str:
    machine = with_usual_software(machine_of(catalog.platforms[name]))
    cards = {card.vendor for card in machine.accelerators}
    drivers = {
        vendor: version for vendor, version in _DRIVERS.items() if vendor in cards and not machine.unified
    }
    runtimes = tuple(each.model_copy(update={"version": _DOCKER}) for each in machine.software.runtimes)
    software = machine.software.model_copy(update={"drivers": drivers, "runtimes": runtimes})
    with io.StringIO() as said, contextlib.redirect_stdout(said):
        show_machine(Screen(), machine.model_copy(update={"software": software}), catalog)
        lines = [line.rstrip() for line in said.getvalue().splitlines()]
    return "\n".join(["```console", "$ kanoa-mlops doctor", *filter(None, lines), "  …", "```"])


_WRITERS: dict[str, Callable[[str, Catalog], str]] = {
    "plans": plans_table,
    "speeds": speeds_table,
    "machine": _machine,
    "image": _image,
    "run": _run,
}


def _shortened(lines: list[str]) -> Iterator[str]:
    """Without the flags that are the same everywhere; a row of them becomes one ellipsis."""
    before = ""
    for line in lines:
        shown = "    … \\" if _LEFT_OUT.match(line.strip()) else line
        if shown != before:
            yield shown
        before = shown


if __name__ == "__main__":
    main()
