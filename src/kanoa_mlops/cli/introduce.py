"""What is about to be served, in a few lines."""

from __future__ import annotations

from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.units import format_bytes


def introduce(screen: Screen, choice: Choice) -> None:
    plan = choice.plan
    screen.say(f"{plan.model} on {plan.engine} ({choice.way}), {format_bytes(plan.memory_bytes)} of memory")
    for line in (*plan.reasons, *plan.warnings, *([choice.remark] if choice.remark else [])):
        screen.say(f"  {line}")
