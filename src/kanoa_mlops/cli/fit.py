"""Refusing what cannot fit, before a byte is fetched."""

from __future__ import annotations

from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.show import describe
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.units import format_bytes


def require_fit(screen: Screen, plan: Plan, anyway: bool) -> None:
    """
    Args:
        anyway: the person insists; then it is said and no more.

    Raises:
        DoesNotFit: with what it takes, what there is, and the changes that would make it fit.
    """
    if plan.fits:
        return
    pool = next(each for each in plan.budget.pools if plan.budget.need(each.where).expected > each.capacity)
    need = plan.budget.need(pool.where).expected
    problem = (
        f"{plan.model} takes {format_bytes(need)} as {plan.quantization} with {plan.context} tokens of "
        f"context; {format_bytes(pool.capacity)} can be used ({pool.rule})."
    )
    if anyway:
        screen.say(f"warning: {problem} Going on, as you asked.")
        return
    changes = [f"  {describe(change)}" for change in plan.changes]
    hint = ["It would fit with:", *changes] if changes else ["Nothing smaller of it is in the catalog."]
    raise DoesNotFit(
        problem, hint="\n".join([*hint, f"`kanoa-mlops plan {plan.model}` shows all; --anyway goes on."])
    )
