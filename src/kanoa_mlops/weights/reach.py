"""Whether weights could be had from here, before anything is decided for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.store import on_disk
from kanoa_mlops.weights.web import answers


@dataclass
class Reach:
    """Asks each address once."""

    settings: Settings
    _hub: bool | None = field(default=None, init=False)

    def refusal(self, model: Model, weights_name: str) -> str:
        """Why these weights cannot be had; '' where they are here or may be fetched."""
        weights = find_weights(model, weights_name)
        if any(held.complete and held.weights == weights.name for held in on_disk([model], self.settings)):
            return ""
        if self.settings.offline:
            return "it is not on this machine, and the network is switched off"
        if weights.tag:
            return "Ollama's daemon fetches it, not this program"
        if any(origin.packages or origin.path for file in weights.files for origin in file.origins):
            return ""
        return "" if self._hub_answers() else f"{self.settings.hub_url} is unreachable"

    def _hub_answers(self) -> bool:
        if self._hub is None:
            self._hub = answers(self.settings.hub_url, self.settings.certificates)
        return self._hub
