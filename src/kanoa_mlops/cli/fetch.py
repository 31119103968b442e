"""From a choice to something that can be started: the weights it names, here and verified."""

from __future__ import annotations

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.placing import placed, to_be_placed
from kanoa_mlops.cli.progress import pulled
from kanoa_mlops.cli.request import Served
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.settings import Settings


def fetched(screen: Screen, settings: Settings, model: Model, choice: Choice) -> Served:
    """What is missing is fetched with a bar; what Ollama keeps, its daemon fetches when it is started."""
    weights = find_weights(model, choice.plan.weights)
    if weights.tag:
        return Served(model, choice, to_be_placed(model, weights, settings))
    files = pulled(screen, settings, model, weights)
    return Served(model, choice, placed(model, weights, settings, files))
