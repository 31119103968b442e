"""How several models are served by one machine: side by side where they fit, else by turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import LearnedRun, Machine, Model
from kanoa_mlops.cli.choice import Choice, choose
from kanoa_mlops.cli.request import Request
from kanoa_mlops.planner.together import least_bytes, left_by, part_of, within


@dataclass(frozen=True)
class Arrangement:
    """How the models of a request are served, in its order."""

    choices: tuple[Choice, ...]
    by_turns: bool
    """Each is loaded when it is asked for, and unloaded when another needs the room."""


def arrange(
    request: Request, machine: Machine, catalog: Catalog, learned: Sequence[LearnedRun] = ()
) -> Arrangement:
    """All at once, if none is slower for it than alone; else each as if it were alone, to take turns.

    Args:
        machine: with what is installed on it.

    Raises:
        DoesNotFit: nothing installed here can run one of them.
        UserError: the wish asks for what a model does not have.
    """
    return _Arranger(request, within(machine, request.memory), catalog, learned).arrange()


@dataclass(frozen=True)
class _Arranger:
    request: Request
    machine: Machine
    catalog: Catalog
    learned: Sequence[LearnedRun]

    def arrange(self) -> Arrangement:
        models = self.request.models
        beside = self._one_after_another(models)
        if len(models) == 1 or self.request.anyway:
            return Arrangement(beside, by_turns=self.request.idle_seconds is not None)
        # The first of them found all of the machine.
        alone = (beside[0], *(self._choose(model, self.machine) for model in models[1:]))
        for choices in (beside, self._divided(alone)):
            if all(map(_as_well, choices, alone)):
                return Arrangement(choices, by_turns=self.request.idle_seconds is not None)
        return Arrangement(self._by_turns(), by_turns=True)

    def _one_after_another(self, models: Sequence[Model]) -> tuple[Choice, ...]:
        """Each finds the memory that those before it leave."""
        choices: list[Choice] = []
        for model in models:
            left = left_by(self.machine, (each.plan for each in choices))
            choices.append(self._choose(model, left))
        return tuple(choices)

    def _divided(self, alone: Sequence[Choice]) -> tuple[Choice, ...]:
        """Each finds a part that is as large as it is: one that takes all it is given leaves room as well."""
        sizes = [least_bytes(each.plan) for each in alone]
        return tuple(
            self._choose(model, part_of(self.machine, size / sum(sizes)))
            for model, size in zip(self.request.models, sizes, strict=True)
        )

    def _by_turns(self) -> tuple[Choice, ...]:
        """Those that are pinned stay; each of the others finds what they leave."""
        pinned = [model for model in self.request.models if model.id in self.request.pinned]
        kept = {each.plan.model: each for each in self._one_after_another(pinned)}
        left = left_by(self.machine, (each.plan for each in kept.values()))
        return tuple(kept.get(model.id) or self._choose(model, left) for model in self.request.models)

    def _choose(self, model: Model, machine: Machine) -> Choice:
        return choose(model, machine, self.request.wish, self.catalog, self.learned, self.request.via)


def _as_well(choice: Choice, alone: Choice) -> bool:
    """It fits, and is computed where it would be alone."""
    return choice.plan.fits and (choice.plan.place, choice.plan.verdict == "offload") == (
        alone.plan.place,
        alone.plan.verdict == "offload",
    )
