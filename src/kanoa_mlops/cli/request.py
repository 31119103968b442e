"""What `serve` was asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.cli.choice import Choice
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
