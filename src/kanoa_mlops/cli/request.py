"""What `serve` was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import LearnedRun, Machine, Model, Weights
from kanoa_mlops.cli.choice import Choice, choose
from kanoa_mlops.engines.site import WeightFiles
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.wish import Wish


@dataclass(frozen=True)
class Request:
    """Models to serve at one address."""

    models: tuple[Model, ...]
    wish: Wish
    host: str
    port: int
    via: str | None = None
    """The only way to run engines, by its name; None for the first there is."""
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
            "--engine": self.wish.engine,
            "--via": self.via,
        }
        for flag, value in wished.items():
            words += [flag, str(value)] if value is not None else []
        return (*words, "--anyway") if self.anyway else tuple(words)

    def choices(self, machine: Machine, catalog: Catalog, learned: Sequence[LearnedRun]) -> list[Choice]:
        """One a model; each finds the memory that those before it leave."""
        choices: list[Choice] = []
        for model in self.models:
            left = without(machine, sum(each.plan.memory_bytes for each in choices))
            choices.append(choose(model, left, self.wish, catalog, learned, self.via))
        return choices


def without(machine: Machine, taken: int) -> Machine:
    """What other models leave of a machine."""
    left = max(0, machine.memory_available - taken)
    cards = tuple(
        card.model_copy(update={"memory_available": max(0, card.memory_available - taken)})
        for card in machine.accelerators
    )
    return machine.model_copy(update={"memory_available": left, "accelerators": cards})


@dataclass(frozen=True)
class Served:
    """A model with its plan, the way to run it, and the verified files it needs."""

    model: Model
    choice: Choice
    files: WeightFiles

    @property
    def plan(self) -> Plan:
        return self.choice.plan

    @property
    def weights(self) -> Weights:
        return find_weights(self.model, self.plan.weights)
