"""The machine a platform stands for, as nobody uses it yet."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Accelerator, Link, LinkFacts, Machine, Platform
from kanoa_mlops.errors import UserError

SYSTEM_KEEPS = 3 * 2**30
"""Bytes a running system holds before any engine starts.

Engines' public logs show Linux counting 31.3 GiB on a machine of 32 and 62.4 on one of 64, of which an idle
desktop leaves 30.1 and 60.0 free (ollama/ollama issues 8164 and 9415): 1.9 to 4 GiB gone, firmware included.
"""


def machine_of(platform: Platform) -> Machine:
    """The platform's machine, idle: all a card shows is free, and of the memory what a system leaves.

    Raises:
        UserError: the platform is hosted; there is no machine.
    """
    host = platform.host
    if host is None:
        raise UserError(
            f"{platform.title} is hosted by others: nothing runs here, so there is nothing to plan.",
            hint="Name a machine; `kanoa-mlops platforms` lists all.",
        )
    available = max(0, host.memory - SYSTEM_KEEPS)
    return Machine(
        platform=platform.id,
        title=platform.title,
        system=host.system,
        architecture=host.architecture,
        cpu=host.cpu,
        cores=host.cores,
        memory_total=host.memory,
        memory_available=available,
        memory_bandwidth=host.bandwidth,
        accelerators=_accelerators(platform, available),
        unified=platform.unified,
        refuses=platform.refuses,
    )


def _accelerators(platform: Platform, available: int) -> tuple[Accelerator, ...]:
    facts = platform.accelerator
    if facts is None:
        return ()
    visible = facts.memory_visible
    card = Accelerator(
        vendor=facts.vendor,
        name=facts.name,
        memory_total=visible,
        memory_available=min(visible, available) if platform.unified else visible,
        bandwidth=facts.bandwidth,
        flops=facts.flops,
        capability=facts.capability,
        link=_link(platform.link),
    )
    return (card,) * facts.count


def _link(facts: LinkFacts | None) -> Link:
    if facts is None:
        return Link(kind="unknown")
    return Link(
        kind=facts.kind,
        generation=facts.generation,
        width=facts.width,
        most_generation=facts.generation,
        most_width=facts.width,
        bandwidth=facts.bandwidth,
        decode_share=facts.decode_share,
    )
