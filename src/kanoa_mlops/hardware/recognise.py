"""What the catalog knows of a card that was found."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.catalog.types import Accelerator, AcceleratorFacts, LinkFacts

KnownAccelerator = Callable[[str], AcceleratorFacts | None]
"""By the name its driver gives it."""
KnownLink = Callable[[str, int | None], LinkFacts | None]
"""By kind and generation."""

_SAME_SIZE = 0.1
"""Of its memory; one name may be sold with two sizes, and then at two speeds."""


def with_facts(card: Accelerator, known: KnownAccelerator, link: KnownLink, *, unified: bool) -> Accelerator:
    """The card with its bandwidth, speed and capability where they are known, and those of its tunnel.

    What was read stays as it was read. Sizes are compared for cards with memory of their own: elsewhere the
    size is the machine's, and one chip comes with many.
    """
    facts = known(card.name)
    if facts and facts.vendor == card.vendor and (unified or _same_size(card, facts)):
        card = card.model_copy(
            update={
                "bandwidth": facts.bandwidth,
                "flops": facts.flops,
                "capability": card.capability or facts.capability,
            }
        )
    if card.link.kind in ("thunderbolt", "usb4") and (way := link(card.link.kind, card.link.generation)):
        told = {"bandwidth": way.bandwidth, "decode_share": way.decode_share}
        card = card.model_copy(update={"link": card.link.model_copy(update=told)})
    return card


def _same_size(card: Accelerator, facts: AcceleratorFacts) -> bool:
    return abs(card.memory_total - facts.memory_visible) <= _SAME_SIZE * facts.memory_visible
