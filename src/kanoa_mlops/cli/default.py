"""Which model to take when none is named: the best that can see, fits, and can be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.reach import Reach

_READING_SPEED = 10.0
"""Tokens a second; a default is not to be waited for."""


def default_model(screen: Screen, settings: Settings, catalog: Catalog, machine: Machine) -> Model:
    """The one that was set; else the best by plan whose weights are here or can be fetched.

    Raises:
        DoesNotFit: none fits and can be had.
    """
    if settings.default_model:
        return find_model(catalog, settings.default_model)
    reach, best = Reach(settings), ""
    for made in _best_first(_choices(catalog, machine), catalog):
        model = catalog.models[made.model]
        if model.kind != "chat" or not model.instruct or made.verdict is not Verdict.FITS:
            continue
        why = reach.refusal(model, made.weights)
        if not why:
            screen.say(best + f"Taking {model.id}, {'the next' if best else 'the best'} that fits here.")
            return model
        best = best or f"{model.id} would be the best here, but {why}. "
    raise DoesNotFit(
        "No model of the catalog fits here and can be fetched.",
        hint="`kanoa-mlops models --fit` shows what each takes; `kanoa-mlops doctor` what this machine has.",
    )


def ranked(catalog: Catalog, machine: Machine, wish: Wish) -> Sequence[Plan]:
    """A plan for every model, the best first: those that fit, chat, are quick, see, and are large."""
    return _best_first(_plans(catalog, machine, wish), catalog)


def _best_first(plans: Iterable[Plan], catalog: Catalog) -> list[Plan]:
    return sorted(plans, key=lambda made: _rank(made, catalog.models[made.model]))


def _choices(catalog: Catalog, machine: Machine) -> Iterator[Plan]:
    """Of what is installed here."""
    for model in catalog.models.values():
        try:
            yield choose(model, machine, Wish(), catalog).plan
        except DoesNotFit:
            continue  # nothing here can run it at all


def _plans(catalog: Catalog, machine: Machine, wish: Wish) -> Iterator[Plan]:
    for model in catalog.models.values():
        images = wish.images if model.sees else None
        asked = replace(wish, context=_shortened(wish.context, model), images=images)
        try:
            yield plan(model, machine, asked, catalog)
        except DoesNotFit:
            continue  # no engine of the wish can run it here at all


def _shortened(context: int | None, model: Model) -> int | None:
    return None if context is None else min(context, model.architecture.context)


_VERDICTS = (Verdict.FITS, Verdict.TIGHT, Verdict.OFFLOAD, Verdict.NO)


def _rank(made: Plan, model: Model) -> tuple[int, bool, bool, bool, bool, float]:
    slow = made.speed.decode.expected < _READING_SPEED
    return (
        _VERDICTS.index(made.verdict),
        model.kind != "chat",
        slow,
        not made.sees,
        not model.instruct,
        -float(model.architecture.parameters),
    )
