"""Machines to plan for, made of values."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Accelerator, Machine

GIB = 2**30


def processor(memory: float, cores: int = 4, bandwidth: float | None = None) -> Machine:
    """A machine without graphics; `memory` bytes are free."""
    return Machine(
        system="Linux",
        architecture="x86_64",
        cpu="test",
        cores=cores,
        memory_total=round(memory),
        memory_available=round(memory),
        memory_bandwidth=bandwidth,
    )


def card(visible: float, free: float | None = None, bandwidth: float = 1008e9) -> Accelerator:
    return Accelerator(
        vendor="nvidia",
        name="NVIDIA Test",
        memory_total=round(visible),
        memory_available=round(visible if free is None else free),
        bandwidth=bandwidth,
        flops=165e12,
        capability="8.9",
    )


def desktop(
    visible: float, *, free: float | None = None, cards: int = 1, memory: float = 64 * GIB
) -> Machine:
    """A machine with cards of their own memory."""
    return processor(memory, bandwidth=80e9).model_copy(
        update={"accelerators": (card(visible, free),) * cards}
    )


def shared(memory: float, free: float | None = None) -> Machine:
    """One memory for processor and graphics, as on a Jetson."""
    return processor(memory if free is None else free).model_copy(
        update={
            "memory_total": round(memory),
            "unified": True,
            "accelerators": (card(memory, free, bandwidth=273e9),),
        }
    )
