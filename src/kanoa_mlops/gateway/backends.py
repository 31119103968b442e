"""The addresses the gateway can send to, and the names they answer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from kanoa_mlops.catalog.query import nearest_names
from kanoa_mlops.gateway.policy.backend import Tier

State = Literal["loading", "ready", "asleep", "down"]
"""Asleep: not loaded now, and loaded as soon as somebody asks for it."""


@dataclass(frozen=True)
class Backend:
    """One engine that serves one model. Frozen: a change of state is a new value in `Backends`."""

    model: str
    """The served name; the catalog's id."""
    aliases: tuple[str, ...]
    url: str
    """Where the engine answers, without `/v1`."""
    engine: str
    """'llama.cpp', with its version where known."""
    sees: bool
    """Takes images as they are."""
    context_tokens: int
    """Longest prompt and answer together of one request."""
    state: State = "loading"
    reason: str = ""
    """Why it is not ready, in words."""
    engine_key: str = field(default="", repr=False)
    """The bearer key the engine wants; never shown."""
    upstream_model: str = ""
    """What the engine itself calls the model, where that is not the served name."""
    tier: Tier = "local"
    on_demand: bool = False
    """Loaded when it is asked for: a request is held until then, whatever the state."""

    @property
    def engine_model(self) -> str:
        """The name that goes to the engine."""
        return self.upstream_model or self.model

    @property
    def keeps_connections(self) -> bool:
        """llama.cpp has a thread wait for each that is kept, and few threads."""
        return not self.engine.startswith("llama.cpp")

    @property
    def takes_requests(self) -> bool:
        """It answers, now or after a while."""
        return self.state == "ready" or (self.on_demand and self.state != "down")

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.engine_key}"} if self.engine_key else {}


class Backends:
    """Every backend by model. Whoever runs the engines writes here, the gateway reads."""

    def __init__(self, backends: Iterable[Backend] = ()) -> None:
        self._by_model = {backend.model: backend for backend in backends}

    def put(self, backend: Backend) -> None:
        self._by_model[backend.model] = backend

    def mark(self, model: str, state: State, reason: str = "") -> None:
        self._by_model[model] = replace(self._by_model[model], state=state, reason=reason)

    def all(self) -> tuple[Backend, ...]:
        return tuple(self._by_model.values())

    def find(self, name: str) -> Backend | None:
        """The backend that answers to this name or alias, in any case."""
        wanted = name.lower()
        for backend in self._by_model.values():
            if wanted in (each.lower() for each in (backend.model, *backend.aliases)):
                return backend
        return None

    def nearest(self, name: str) -> list[str]:
        """Names and aliases like this one, the likest first; at most three."""
        names = (each for backend in self.all() for each in (backend.model, *backend.aliases))
        return nearest_names(name, names)
