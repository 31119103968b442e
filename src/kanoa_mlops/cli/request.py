"""What `serve` was asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.planner.plan import Plan, Wish, plan


@dataclass(frozen=True)
class Request:
    """Models to serve at one address."""

    models: tuple[Model, ...]
    wish: Wish
    host: str
    port: int

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of `serve` that ask for the same again."""
        words = [model.id for model in self.models] + ["--host", self.host, "--port", str(self.port)]
        wished = {
            "--weights": self.wish.weights,
            "--context": self.wish.context,
            "--parallel": self.wish.sequences,
        }
        for flag, value in wished.items():
            words += [flag, str(value)] if value is not None else []
        return tuple(words)

    def plans(self, machine: Machine) -> list[Plan]:
        """One plan a model; each finds the memory that those before it leave."""
        plans: list[Plan] = []
        for model in self.models:
            taken = sum(each.memory_bytes for each in plans)
            left = machine.model_copy(update={"memory_available": max(0, machine.memory_available - taken)})
            plans.append(plan(model, left, self.wish))
        return plans


@dataclass(frozen=True)
class Served:
    """A plan with the verified files it needs."""

    plan: Plan
    files: tuple[Path, ...]
