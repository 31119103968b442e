"""Pure questions to the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import AcceleratorFacts, LinkFacts, Model, Platform, Weights
from kanoa_mlops.errors import UnknownModel, UnknownPlatform, UserError
from kanoa_mlops.nearest import meant

_MARKS = re.compile(r"\((?:tm|r|c)\)|[™®©]", re.IGNORECASE)
_SAME_SIZE = 0.1


def find_model(catalog: Catalog, name: str) -> Model:
    """The model with this id or alias, in any case.

    Raises:
        UnknownModel: with the nearest names.
    """
    wanted = name.strip().lower()
    if wanted in catalog.models:
        return catalog.models[wanted]
    for model in catalog.models.values():
        if wanted in (model.id, *(alias.lower() for alias in model.aliases)):
            return model
    raise UnknownModel(
        f"There is no model called {name!r} in the catalog.",
        hint=_suggestion(wanted, catalog.models.values()) + "`kanoa-mlops models` lists all.",
    )


def find_platform(catalog: Catalog, name: str) -> Platform:
    """The platform with this id or alias, in any case.

    Raises:
        UnknownPlatform: with the nearest names.
    """
    wanted = name.strip().lower()
    if wanted in catalog.platforms:
        return catalog.platforms[wanted]
    for platform in catalog.platforms.values():
        if wanted in (platform.id, *(alias.lower() for alias in platform.aliases)):
            return platform
    raise UnknownPlatform(
        f"There is no platform called {name!r} in the catalog.",
        hint=_suggestion(wanted, catalog.platforms.values()) + "`kanoa-mlops platforms` lists all.",
    )


def known_accelerator(
    catalog: Catalog, driver_name: str, memory: int | None = None
) -> AcceleratorFacts | None:
    """What the catalog knows of a card, by the name its driver gives it.

    Args:
        memory: bytes the driver counts. Some names are sold with memory of two sizes and two speeds; with
            this, facts of the other size are not taken for the card's.
    """
    for platform in catalog.platforms.values():
        facts = platform.accelerator
        if facts is None or (not platform.unified and _size_differs(facts, memory)):
            continue
        if _core_name(driver_name, facts) in {_core_name(name, facts) for name in (facts.name, *facts.also)}:
            return facts
    return None


def known_link(catalog: Catalog, kind: str, generation: int | None) -> LinkFacts | None:
    """What the catalog knows of a link to a card: its bandwidth, and the share of speed left over it."""
    links = (platform.link for platform in catalog.platforms.values())
    return next((link for link in links if link and (link.kind, link.generation) == (kind, generation)), None)


def find_weights(model: Model, name: str | None) -> Weights:
    """The weights of this name, or the preferred ones.

    Raises:
        UserError: naming those there are.
    """
    if name is None:
        return model.weights[0]
    for weights in model.weights:
        if weights.name == name:
            return weights
    known = ", ".join(weights.name for weights in model.weights)
    raise UserError(f"{model.id} has no weights called {name!r}.", hint=f"It has: {known}.")


def _suggestion(name: str, entries: Iterable[Model | Platform]) -> str:
    guess = meant(name, [each for entry in entries for each in (entry.id, *entry.aliases)])
    return f"{guess} " if guess else ""


def _core_name(name: str, facts: AcceleratorFacts) -> str:
    """Without trademarks, case and the maker's name in front, with which drivers differ."""
    plain = " ".join(_MARKS.sub(" ", name).casefold().split())
    return plain.removeprefix(facts.vendor).strip()


def _size_differs(facts: AcceleratorFacts, memory: int | None) -> bool:
    return memory is not None and abs(memory - facts.memory_visible) > _SAME_SIZE * facts.memory_visible
