"""What `serve` was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import LearnedRun, Machine, Model
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish


@dataclass(frozen=True)
class Request:
    """Models to serve at one address."""

    models: tuple[Model, ...]
    wish: Wish
    host: str
    port: int
    anyway: bool = False
    """Served although the plan says that it does not fit."""

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of `serve` that ask for the same again."""
        words = [model.id for model in self.models] + ["--host", self.host, "--port", str(self.port)]
        wished = {
            "--weights": self.wish.weights,
            "--context": self.wish.context,
            "--parallel": self.wish.sequences,
            "--images": self.wish.images,
            "--cache-bits": self.wish.cache_bits,
        }
        for flag, value in wished.items():
            words += [flag, str(value)] if value is not None else []
        return (*words, "--anyway") if self.anyway else tuple(words)

    def plans(self, machine: Machine, catalog: Catalog, learned: Sequence[LearnedRun]) -> list[Plan]:
        """One plan a model; each finds the memory that those before it leave."""
        plans: list[Plan] = []
        for model in self.models:
            left = _without(machine, sum(each.memory_bytes for each in plans))
            plans.append(plan(model, left, self.wish, catalog, learned))
        return plans


def _without(machine: Machine, taken: int) -> Machine:
    """What other models leave of a machine whose processor, or one memory for all, they run in."""
    left = max(0, machine.memory_available - taken)
    cards = tuple(
        card.model_copy(update={"memory_available": max(0, card.memory_available - taken)})
        for card in machine.accelerators
    )
    return machine.model_copy(update={"memory_available": left, "accelerators": cards})


@dataclass(frozen=True)
class Served:
    """A plan with the verified files it needs."""

    plan: Plan
    files: tuple[Path, ...]
