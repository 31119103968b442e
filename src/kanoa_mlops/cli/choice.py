"""Which engine serves a model on a machine, and how it is run there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Device, EngineId, LearnedRun, Machine, Model
from kanoa_mlops.engines.way import Way
from kanoa_mlops.engines.ways import device_of, ways
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish


@dataclass(frozen=True)
class Choice:
    """A plan, and the way to run it."""

    plan: Plan
    way: Way
    remark: str = ""
    """Why it is not computed on the graphics processor there is, where it is not."""


def choose(
    model: Model,
    machine: Machine,
    wish: Wish,
    catalog: Catalog,
    learned: Sequence[LearnedRun] = (),
    via: str | None = None,
) -> Choice:
    """On the graphics processor where an engine here reaches it and the model fits, else on the processor.

    Args:
        machine: with what is installed on it.
        via: only this way, by its name.

    Raises:
        DoesNotFit: nothing installed here can run any of its weights.
        UserError: the wish asks for what the model does not have.
    """
    found: list[Choice] = []
    refusals: list[DoesNotFit] = []
    remark = ""
    for view in _views(machine):
        offered = _offered(model, machine, device_of(view), catalog, via)
        if not offered:
            remark = remark or _unreached(view)
            continue
        if wish.engine not in (None, *offered):
            continue
        try:
            made = plan(model, view, replace(wish, among=frozenset(offered)), catalog, learned)
        except DoesNotFit as error:
            refusals.append(error)
            continue
        found.append(Choice(made, offered[made.engine], remark))
        if made.fits:
            return found[-1]
        remark = remark or f"{model.id} does not fit on {_title(view)}"
    if found:
        return found[0]
    raise refusals[0] if refusals else _nothing_installed(model, machine, wish.engine, via)


def _views(machine: Machine) -> Iterator[Machine]:
    """As an engine that reaches the graphics processor sees it, and as one that does not."""
    if machine.accelerators:
        yield machine
    yield machine.without_accelerators()


def _offered(
    model: Model, machine: Machine, device: Device, catalog: Catalog, via: str | None
) -> dict[EngineId, Way]:
    """Engine -> the first way to it that computes on this device."""
    found: dict[EngineId, Way] = {}
    for engine in catalog.engines.values():
        support = model.engines.get(engine.id)
        if support is None:
            continue
        for way in ways(engine, machine, support.until):
            if device in way.devices and via in (None, str(way)):
                found.setdefault(engine.id, way)
    return found


def _title(machine: Machine) -> str:
    return machine.accelerators[0].name if machine.accelerators else machine.cpu


def _unreached(machine: Machine) -> str:
    if not machine.accelerators:
        return ""
    return f"{_title(machine)} is not used: no engine that is installed here reaches it (`doctor` says why)"


def _nothing_installed(
    model: Model, machine: Machine, engine: EngineId | None, via: str | None
) -> DoesNotFit:
    how = (f" on {engine}" if engine else "") + (f" by {via}" if via else "")
    engines = ", ".join(model.engines)
    silent = [f" {_sentence(each.name, each.problem)}" for each in machine.software.runtimes if each.problem]
    another = "Leave --engine out for another one. " if engine else ""
    return DoesNotFit(
        f"Nothing installed here can run {model.id}{how}. It runs on {engines}.{''.join(silent)}",
        hint=f"{another}Install Docker or Podman, or Ollama, or the embedded llama.cpp: pip install "
        "'kanoa-mlops[embedded]'. `kanoa-mlops doctor` shows what was found.",
    )


def _sentence(name: str, problem: str) -> str:
    """A tool's own words may end as a sentence does."""
    return f"{name} {problem}" + ("" if problem.endswith((".", "?", "!")) else ".")
