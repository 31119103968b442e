"""`kanoa-mlops models`: what there is, what is on disk, what fits. `models rm` frees the room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli import options
from kanoa_mlops.cli.default import ranked
from kanoa_mlops.cli.group import Group
from kanoa_mlops.cli.local import named_machine
from kanoa_mlops.cli.ollama_store import forget
from kanoa_mlops.cli.prune import prune
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UserError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.store import OnDisk, on_disk, remove


@click.group(cls=Group, invoke_without_command=True)
@click.option("--fit", is_flag=True, help="Rank them by what fits here.")
@click.option("--platform", metavar="PLATFORM", help="Rank them for a machine of the catalog.")
@options.as_json
@click.pass_context
def command(context: click.Context, fit: bool, platform: str | None, as_json: bool) -> None:
    """The models there are, and what is on disk."""
    if context.invoked_subcommand:
        return
    settings, screen = load_settings(), Screen()
    catalog = load_catalog(settings.catalog_dir)
    if fit or platform:
        plans = ranked(catalog, named_machine(catalog, platform), Wish())
        if as_json:
            screen.json([_fit(plan) for plan in plans])
        else:
            _show_ranked(screen, plans)
        return
    rows = [_row(model, settings) for model in catalog.models.values()]
    if as_json:
        screen.json(rows)
    else:
        _show(screen, rows, settings)


command.add_command(prune)


@command.command("rm")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
def rm(names: tuple[str, ...]) -> None:
    """Remove a model's weights from the disk, and what Ollama made of them for us."""
    settings, screen = load_settings(), Screen()
    catalog = load_catalog(settings.catalog_dir)
    models = [find_model(catalog, name) for name in names]
    for model in models:
        _refuse_if_served(model, settings)
        freed = remove(model, settings)
        told = list(forget(settings, model))
        if freed or not told:
            screen.say(
                f"Removed {model.id}: {format_bytes(freed)} freed."
                if freed
                else f"{model.id} is not on disk."
            )
        for line in told:
            screen.say(line)


def _show(screen: Screen, rows: Sequence[dict[str, Any]], settings: Settings) -> None:
    screen.table(
        ["MODEL", "PARAMS", "CONTEXT", "FIGURES", "ON DISK"],
        [
            [
                row["id"],
                _millions(row["parameters"]),
                f"{row['context_tokens']}",
                row["figures"],
                row["held"],
            ]
            for row in rows
        ],
        right=["PARAMS", "CONTEXT"],
        yielding="ON DISK",
    )
    screen.say("`kanoa-mlops models --fit` ranks what fits here; `plan MODEL` explains one.")
    screen.say("`pull MODEL` fetches, `models rm MODEL` frees, `models prune` tidies up.")
    screen.say(f"Weights are kept in {settings.weights_dir}")


def _show_ranked(screen: Screen, plans: Sequence[Plan]) -> None:
    screen.table(
        ["MODEL", "VERDICT", "RUNS AS", "CONTEXT", "TOKENS/S", "TAKES"],
        [
            [
                plan.model,
                plan.verdict.value,
                f"{plan.quantization} on {plan.engine}",
                str(plan.context),
                f"{plan.speed.decode.expected:.0f}" if plan.fits else "",
                format_bytes(plan.memory_bytes),
            ]
            for plan in plans
        ],
        right=["CONTEXT", "TOKENS/S", "TAKES"],
        yielding="RUNS AS",
    )
    screen.say("Speeds are estimates; `kanoa-mlops plan MODEL` says from what, and how sure.")


def _fit(plan: Plan) -> dict[str, Any]:
    return {
        "model": plan.model,
        "verdict": plan.verdict,
        "engine": plan.engine,
        "weights": plan.weights,
        "context_tokens": plan.context,
        "parallel": plan.sequences,
        "memory_bytes": plan.memory_bytes,
        "tokens_per_second": asdict(plan.speed.decode),
    }


def _row(model: Model, settings: Settings) -> dict[str, Any]:
    held = on_disk([model], settings)
    return {
        "id": model.id,
        "title": model.title,
        "summary": model.summary,
        "aliases": list(model.aliases),
        "parameters": model.architecture.parameters,
        "context_tokens": model.architecture.context,
        "figures": "sees" if model.sees else "reads",
        "instruct": model.instruct,
        "licence": model.licence.name,
        "gated": model.licence.gated,
        "weights": [weights.name for weights in model.weights],
        "on_disk_bytes": sum(each.bytes_whole + each.bytes_partial for each in held),
        "complete": any(each.complete for each in held),
        "held": ", ".join(_held(each) for each in held) or "-",
    }


def _held(held: OnDisk) -> str:
    here = held.bytes_whole + held.bytes_partial
    if held.complete:
        return f"{held.weights} {format_bytes(here)}"
    part = f" of {format_bytes(held.size)}" if held.size else ""
    return f"{held.weights} {format_bytes(here)}{part}, unfinished"


def _millions(parameters: int) -> str:
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"


def _refuse_if_served(model: Model, settings: Settings) -> None:
    # Looks at processes, which takes a while to learn; only who removes has to.
    from kanoa_mlops.runtime.state import running_servers

    for record in running_servers(settings.servers_dir):
        if model.id in record.models:
            raise UserError(
                f"{model.id} is being served at {record.url}.",
                hint=f"Run `kanoa-mlops stop --port {record.port}` first.",
            )
