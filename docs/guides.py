"""Writes into the guides of docs/how-to what the program says: planned tables, and starts as they would be.

    python -m docs.guides

A guide asks for them by a comment, and what stands between it and `<!-- end -->` is written:

    <!-- python -m docs.guides: plans rtx-4090 -->            a table for one machine
    <!-- python -m docs.guides: speeds rtx-3090 rtx-4090 -->  one column a machine
    <!-- python -m docs.guides: machine rtx-4090 -->          what `doctor` says of it
    <!-- python -m docs.guides: run kanoa-mlops serve ... --dry-run --platform rtx-4090 -->

A test fails when what is written is not what the catalog and the planner say now.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import CliRunner

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model, Platform, Vendor
from kanoa_mlops.cli.inventory import show_machine
from kanoa_mlops.cli.main import cli
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.usual import with_usual_software
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.render.table import memory
from kanoa_mlops.units import format_bytes

GUIDES = Path(__file__).parent / "how-to"
_PART = re.compile(r"(<!-- python -m docs\.guides: (\w+) (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_FAMILIES = (
    "gemma-3",
    "gpt-oss",
    "llama-3.2-vision",
    "llava-1.5",
    "llava-1.6",
    "llava-onevision",
    "molmo",
    "qwen3-vl",
)
"""Those of the roadmap."""
_LEAST_PARAMETERS = 2e9
"""Smaller ones show that a chain works; nobody buys a machine for them."""
_HEADER = ("Model", "Verdict", "Runs as", "Memory, of what may be used", "Context", "Tokens/s")
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


def _plans(name: str, catalog: Catalog) -> str:
    platform = catalog.platforms[name]
    rows = [_row(model, _plan(model, platform, catalog)) for model in _models(catalog)]
    title = f"{platform.title}: {memory(platform)}, `--platform {name}`"
    return "\n".join([title, "", *_table(_HEADER, rows)])


def _speeds(names: str, catalog: Catalog) -> str:
    platforms = [catalog.platforms[name] for name in names.split()]
    heads = [f"{platform.title}<br>`{platform.id}`" for platform in platforms]
    rows = [
        (model.id, *(_speed(_plan(model, platform, catalog)) for platform in platforms))
        for model in _models(catalog)
    ]
    return "\n".join(_table(("Model", *heads), rows))


def _run(command: str, catalog: Catalog) -> str:
    result = CliRunner().invoke(cli, shlex.split(command)[1:], env=_PERSON, catch_exceptions=False)
    said = [*result.stderr.splitlines(), *_shortened(result.stdout.splitlines())]
    lines = (line.rstrip().replace(_HOME, "~") for line in said)
    return "\n".join(["```console", f"$ {command}", *lines, "```"])


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
    "plans": _plans,
    "speeds": _speeds,
    "machine": _machine,
    "run": _run,
}


def _models(catalog: Catalog) -> Iterator[Model]:
    for model in catalog.models.values():
        if model.family in _FAMILIES and model.architecture.parameters >= _LEAST_PARAMETERS:
            yield model


def _plan(model: Model, platform: Platform, catalog: Catalog) -> Plan | None:
    try:
        return plan(model, machine_of(platform), Wish(), catalog)
    except DoesNotFit:
        return None


def _row(model: Model, made: Plan | None) -> tuple[str, ...]:
    if made is None:
        return (model.id, "no", "no engine runs it here", "", "", "")
    runs_as = f"{made.quantization} on {made.engine}"
    if made.verdict is Verdict.NO:
        return (model.id, "no", runs_as, _memory(made), "", "")
    return (model.id, made.verdict.value, runs_as, _memory(made), str(made.context), _interval(made))


def _memory(made: Plan) -> str:
    need = made.budget.need("device").expected * made.gpus
    pool = made.budget.pool("device")
    room = f" of {format_bytes(pool.capacity * made.gpus)}" if pool else ""
    host = made.budget.need("host").expected
    beside = f", and {format_bytes(host)} of the machine's" if made.verdict is Verdict.OFFLOAD else ""
    return f"{format_bytes(need)}{room}{beside}"


def _speed(made: Plan | None) -> str:
    if made is None or made.verdict is Verdict.NO:
        return "no"
    worse = "" if made.verdict is Verdict.FITS else f", {made.verdict.value}"
    return f"{_interval(made)}<br>{made.quantization} on {made.engine}{worse}"


def _interval(made: Plan) -> str:
    decode = made.speed.decode
    return f"{_digits(decode.low)} to {_digits(decode.high)}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cells) + " |"


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
