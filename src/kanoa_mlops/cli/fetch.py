"""From a choice to something that can be started: the weights and the image it names, here and verified."""

from __future__ import annotations

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.placing import placed, to_be_placed
from kanoa_mlops.cli.progress import pulled
from kanoa_mlops.cli.request import Served
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.runtime.containers.images import require_image
from kanoa_mlops.settings import Settings


def fetched(screen: Screen, settings: Settings, model: Model, choice: Choice) -> Served:
    """What is missing is fetched in sight; what Ollama keeps, its daemon fetches once it is started."""
    if isinstance(choice.way, Contained):
        _fetch_image(screen, settings, choice.way, choice.plan.engine_version)
    weights = find_weights(model, choice.plan.weights)
    if weights.tag:
        return Served(model, choice, to_be_placed(model, weights, settings))
    files = pulled(screen, settings, model, weights)
    return Served(model, choice, placed(model, weights, settings, files))


def _fetch_image(screen: Screen, settings: Settings, way: Contained, version: str) -> None:
    reference = way.image.reference(version, way.pinned)
    name = reference.partition("@")[0]
    with screen.err.status(f"Looking for the image {name} …") as status:
        told: list[str] = []

        def tell(far: str) -> None:
            if not told:  # a spinner is for a terminal alone
                screen.say(f"Fetching the image {name} …")
            told.append(far)
            status.update(f"{name}: {far}")

        require_image(way.tool, reference, tell, offline=settings.offline)
