"""What an engine may fill, as that engine counts it."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Engine, Machine
from kanoa_mlops.planner.budget import Pool
from kanoa_mlops.planner.setup import Setup

_RESERVE = 0.20
"""Of the free memory of a machine, left to the notebook, the browser and the page cache."""


def pools(setup: Setup, machine: Machine) -> tuple[Pool, ...]:
    """The device's pool first, of one card; then the machine's, where a card has its own."""
    if setup.place == "cpu":
        return (_processor(machine),)
    paged = setup.engine.id == "vllm"
    device = _vllm(setup.utilization, machine) if paged else _llama(setup.engine, machine)
    if setup.place == "unified" or paged:
        return (device,)
    return (device, _host(machine))


def vllm_utilization(engine: Engine, machine: Machine) -> float:
    """The default share of the visible memory, or less where other programs hold more than the rest.

    vLLM refuses to start when its share is not free.
    """
    card = _smallest(machine)
    if card is None:
        return engine["utilization"]
    free = min(card[1], int(machine.memory_available * (1 - _SHARED_RESERVE))) if machine.unified else card[1]
    return min(engine["utilization"], int(free / card[0] * 100) / 100)


_SHARED_RESERVE = 0.05
"""Of unified memory, what the system still needs while an engine starts."""


def _vllm(utilization: float, machine: Machine) -> Pool:
    total, _ = _smallest(machine) or (0, 0)
    rule = f"{utilization:.2f} of the {total / 2**30:.1f} GiB that CUDA sees (gpu-memory-utilization)"
    return Pool("device", total, int(total * utilization), rule)


def _llama(engine: Engine, machine: Machine) -> Pool:
    margin = int(engine["margin"])
    total, free = _smallest(machine) or (0, 0)
    if machine.unified:
        free = min(free, machine.memory_available)
    return Pool("device", total, max(0, free - margin), f"free memory less {margin >> 20} MiB")


def _processor(machine: Machine) -> Pool:
    return Pool(
        "device", machine.memory_total, _spare(machine), f"free memory less {_RESERVE:.0%} for other programs"
    )


def _host(machine: Machine) -> Pool:
    return Pool(
        "host", machine.memory_total, _spare(machine), f"free memory less {_RESERVE:.0%} for other programs"
    )


def _spare(machine: Machine) -> int:
    return int(machine.memory_available * (1 - _RESERVE))


def _smallest(machine: Machine) -> tuple[int, int] | None:
    """(total, free) bytes of the card that has least; cards share alike, so it decides."""
    return min(
        ((card.memory_total, card.memory_available) for card in machine.accelerators),
        key=lambda each: each[1],
        default=None,
    )
