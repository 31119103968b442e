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
    memory: int | None = None
    """Bytes that all models may take together; None for what is free."""
    pinned: tuple[str, ...] = ()
    """Models that stay loaded, where not all do."""
    idle_seconds: float | None = None
    """A model without work for so long is unloaded; None keeps it until another needs the room."""

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
            "--memory": self.memory,
            "--idle": self.idle_seconds,
        }
        for flag, value in wished.items():
            words += [flag, str(value)] if value is not None else []
        words += [word for model in self.pinned for word in ("--pin", model)]
        return (*words, "--anyway") if self.anyway else tuple(words)

    def arranged(self, machine: Machine, catalog: Catalog, learned: Sequence[LearnedRun] = ()) -> Arrangement:
        """All at once where they fit; else each as if it were alone, to take turns."""
        limited = within(machine, self.memory)
        beside = self._beside(self.models, limited, catalog, learned)
        if all(choice.plan.fits for choice in beside) or len(beside) == 1 or self.anyway:
            return Arrangement(tuple(beside), by_turns=self.idle_seconds is not None)
        pinned = [model for model in self.models if model.id in self.pinned]
        kept = {each.plan.model: each for each in self._beside(pinned, limited, catalog, learned)}
        left = without(limited, sum(choice.plan.memory_bytes for choice in kept.values()))
        choices = [
            kept.get(model.id) or choose(model, left, self.wish, catalog, learned, self.via)
            for model in self.models
        ]
        return Arrangement(tuple(choices), by_turns=True)

    def _beside(
        self, models: Sequence[Model], machine: Machine, catalog: Catalog, learned: Sequence[LearnedRun]
    ) -> list[Choice]:
        """One a model; each finds the memory that those before it leave."""
        choices: list[Choice] = []
        for model in models:
            left = without(machine, sum(each.plan.memory_bytes for each in choices))
            choices.append(choose(model, left, self.wish, catalog, learned, self.via))
        return choices


@dataclass(frozen=True)
class Arrangement:
    """How the models of a request are served, in its order."""

    choices: tuple[Choice, ...]
    by_turns: bool
    """Each is loaded when it is asked for, and unloaded when another needs the room."""


def within(machine: Machine, memory: int | None) -> Machine:
    """The machine as if no more than this were free of each of its memories."""
    if memory is None:
        return machine
    cards = tuple(
        card.model_copy(update={"memory_available": min(card.memory_available, memory)})
        for card in machine.accelerators
    )
    available = min(machine.memory_available, memory)
    return machine.model_copy(update={"memory_available": available, "accelerators": cards})


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
