"""Whether weights could be had from here, before anything is decided for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.errors import AccessRefused
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.access import require_access
from kanoa_mlops.weights.gate import QUESTION, only_from
from kanoa_mlops.weights.store import on_disk
from kanoa_mlops.weights.web import Web, answers


@dataclass
class Reach:
    """Asks each address once."""

    settings: Settings
    _hub: bool | None = field(default=None, init=False)
    _refused: dict[str, bool] = field(default_factory=dict, init=False)

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
        if not self._hub_answers():
            return f"{self.settings.hub_url} is unreachable"
        return self._closed(model, weights)

    def _closed(self, model: Model, weights: Weights) -> str:
        """Which repository the hub does not open to this person, of a model whose licence asks for that."""
        for repo in only_from(weights) if model.licence.gated else ():
            if repo not in self._refused:
                try:
                    require_access([repo], self.settings, Web(self.settings.certificates, QUESTION))
                    self._refused[repo] = False
                except AccessRefused:
                    self._refused[repo] = True
            if self._refused[repo]:
                return f"{repo} is closed until its licence was accepted (`pull {model.id}` says how)"
        return ""

    def _hub_answers(self) -> bool:
        if self._hub is None:
            self._hub = answers(self.settings.hub_url, self.settings.certificates)
        return self._hub
