"""`kanoa-mlops models prune`: room from what nobody needs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UserError
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_age, format_bytes
from kanoa_mlops.weights.prune import Spare, find_spare, obstacle_to, remove_spare
from kanoa_mlops.weights.room import freed_by


@click.command()
@click.option(
    "--unused-for", metavar="AGE", callback=options.age, help="And what was not served for so long: 30d."
)
@click.option("-y", "--yes", is_flag=True, help="Remove without asking.")
@options.as_json
def prune(unused_for: float | None, yes: bool, as_json: bool) -> None:
    """Remove weights that nobody needs.

    Those of no model in the catalog, files of an older revision, and downloads
    that were cut. Shows what would go, and asks. What is being served or fetched
    stays, and what belongs to others. With --json, nothing goes without --yes.
    """
    screen, settings = Screen(), load_settings()
    found = _find(settings, unused_for)
    if as_json:
        outcomes = [_removed(each) if yes else Outcome(each) for each in found.going]
        screen.json(_document(found, outcomes))
        return
    _show(screen, found)
    if found.going and _agreed(screen, found, yes):
        outcomes = [_removed(each) for each in found.going]
        for each in outcomes:
            if each.problem:
                screen.say(f"{each.spare.what}: {each.problem}.")
        screen.say(f"{format_bytes(sum(each.freed for each in outcomes))} freed.")


@dataclass(frozen=True)
class Found:
    going: Sequence[Spare]
    staying: Sequence[tuple[Spare, str]]
    """With why."""


@dataclass(frozen=True)
class Outcome:
    spare: Spare
    freed: int = 0
    """Bytes."""
    problem: str = ""
    """Why it is still there, if it should have gone."""


def _find(settings: Settings, unused_for: float | None) -> Found:
    models = load_catalog(settings.catalog_dir).models.values()
    spare = find_spare(models, settings, None if unused_for is None else time.time() - unused_for)
    judged = [(each, obstacle_to(each)) for each in spare]
    return Found([each for each, why in judged if not why], [(each, why) for each, why in judged if why])


def _removed(spare: Spare) -> Outcome:
    try:
        return Outcome(spare, freed=remove_spare(spare))
    except UserError as error:
        return Outcome(spare, problem=error.message.rstrip("."))


def _show(screen: Screen, found: Found) -> None:
    if found.going:
        screen.table(
            ["WEIGHTS", "WHY", "LAST USED", "FREES"],
            [[each.what, _why(each), _ago(each), format_bytes(each.size)] for each in found.going],
            right=["LAST USED", "FREES"],
            yielding="WHY",
        )
    for each, why in found.staying:
        screen.say(f"Kept: {each.what} ({each.why}): {why}.")
    if not found.going:
        screen.say("Nothing to remove. `kanoa-mlops models` shows what is on disk.")


def _agreed(screen: Screen, found: Found, yes: bool) -> bool:
    if yes:
        return True
    size = format_bytes(_total(found))
    if not sys.stdin.isatty():
        screen.say(f"Nothing was removed; with --yes {size} are freed.")
        return False
    return click.confirm(f"Remove this, and free {size}?", err=True)


def _total(found: Found) -> int:
    return freed_by(path for each in found.going for path in each.paths)


def _why(spare: Spare) -> str:
    many = len(spare.paths)
    files = "" if spare.folder in (None, *spare.paths) else f", {many} file{'s' if many > 1 else ''}"
    return f"{spare.why}{files}"


def _ago(spare: Spare) -> str:
    if spare.used is None:
        return "-"
    age = format_age(time.time() - spare.used)
    return age if age == "now" else f"{age} ago"


def _document(found: Found, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "freed_bytes": sum(each.freed for each in outcomes),
        "spare": [
            _entry(each.spare) | {"freed_bytes": each.freed, "problem": each.problem} for each in outcomes
        ],
        "kept": [_entry(each) | {"because": why} for each, why in found.staying],
    }


def _entry(spare: Spare) -> dict[str, Any]:
    return {
        "weights": spare.what,
        "why": spare.why,
        "last_used": None if spare.used is None else datetime.fromtimestamp(spare.used, UTC).isoformat(),
        "bytes": spare.size,
        "paths": [str(path) for path in spare.paths],
    }
