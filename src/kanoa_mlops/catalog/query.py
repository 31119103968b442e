"""Pure questions to the catalog."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.errors import UnknownModel, UserError


def find_model(catalog: Catalog, name: str) -> Model:
    """The model with this id or alias, in any case.

    Raises:
        UnknownModel: with the nearest names.
    """
    wanted = name.strip().lower()
    for model in catalog.models.values():
        if wanted in (model.id, *(alias.lower() for alias in model.aliases)):
            return model
    raise UnknownModel(
        f"There is no model called {name!r} in the catalog.",
        hint=_suggestion(wanted, catalog) + "`kanoa-mlops models` lists all.",
    )


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


def nearest_names(name: str, names: Iterable[str]) -> list[str]:
    """At most three names that look like this one in any case, the nearest first."""
    spelled = {each.lower(): each for each in names}
    return [spelled[each] for each in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.4)]


def _suggestion(name: str, catalog: Catalog) -> str:
    names = [each for model in catalog.models.values() for each in (model.id, *model.aliases)]
    near = nearest_names(name, names)
    return f"Did you mean {' or '.join(near)}? " if near else ""
