"""The addresses the gateway can send to, and the names they answer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from kanoa_mlops.gateway.burst.grant import Grant
from kanoa_mlops.gateway.policy.backend import BEYOND_LAN, TIERS, Abilities, Tier
from kanoa_mlops.gateway.vectors import Vectors

Kind = Literal["chat", "embedding", "rerank"]
State = Literal["unknown", "loading", "ready", "asleep", "down"]
"""Unknown: nobody has looked yet. Asleep: not loaded now, and loaded as soon as somebody asks for it."""

_MANY_SLOTS = 256  # what vLLM 0.32 works on at once where nobody tells it otherwise


@dataclass(frozen=True)
class Backend:
    """One engine that serves one model. Frozen: a change of state is a new value in `Backends`."""

    model: str
    """The served name; the catalog's id."""
    aliases: tuple[str, ...]
    url: str
    """Where the engine answers, without `/v1`."""
    engine: str
    """'llama.cpp', with its version where known; a provider's name where it is hosted."""
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
    id: str = ""
    """One of its own; the model's where nothing is said."""
    slots: int = _MANY_SLOTS
    """Requests it works on at once."""
    tools: bool = True
    template_tools: bool | None = None
    """Whether its template says anything of tools, by its engine's own word; None where that is not known."""
    structured: bool = True
    """Gives answers that follow a schema."""
    takes_system: bool = True
    """Its template has a system role."""
    reasons: bool = False
    """Thinks before it answers."""
    kind: Kind | None = None
    """What the model is for; None where nobody said, and its engine judges."""
    vectors: Vectors | None = None
    """Those it makes, where they are known."""
    grant: Grant | None = None
    """On what terms it is used, where it is beyond the owner's machines."""

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.model)

    @property
    def engine_model(self) -> str:
        """The name that goes to the engine."""
        return self.upstream_model or self.model

    @property
    def near(self) -> bool:
        """On the owner's own machines."""
        return self.tier not in BEYOND_LAN

    @cached_property
    def abilities(self) -> Abilities:
        return Abilities(
            self.context_tokens, self.sees, self.tools and self.template_tools is not False, self.structured
        )

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
        own = self.grant.headers if self.grant else {}
        return {**own, "Authorization": f"Bearer {self.engine_key}"} if self.engine_key else own

    def address(self, route: str) -> str:
        """Where a request for this route goes. A provider's base address has its version in it."""
        return self.url + (route.removeprefix("/v1") if self.grant else route)


def granted(grant: Grant, aliases: tuple[str, ...] = ()) -> Backend:
    """What the owner allows to be used. Whether it answers, requests find out."""
    return Backend(
        model=grant.model,
        aliases=aliases,
        url=grant.base_url.rstrip("/"),
        engine=grant.provider,
        sees=grant.abilities.sees,
        context_tokens=grant.abilities.context_tokens,
        state="ready",
        engine_key=grant.key,
        upstream_model=grant.name,
        tier=grant.tier,
        id=grant.id,
        tools=grant.abilities.tools,
        structured=grant.abilities.structured,
        reasons=grant.reasons,
        grant=grant,
    )


Watcher = Callable[[str], None]
"""Is told of a model whose backends have changed."""


class Backends:
    """Every backend by its id. Whoever runs the engines writes here, the gateway reads."""

    def __init__(self, backends: Iterable[Backend] = ()) -> None:
        self._by_id = {backend.id: backend for backend in backends}
        self.watcher: Watcher | None = None
        self._sort()

    def put(self, backend: Backend) -> None:
        before = self._by_id.get(backend.id)
        self._by_id[backend.id] = backend
        self._changed(backend.model)
        if before and before.model != backend.model:
            self._changed(before.model)  # it serves that no longer

    def remove(self, id: str) -> None:
        self._changed(self._by_id.pop(id).model)

    def mark(self, id: str, state: State, reason: str = "") -> None:
        self.put(replace(self._by_id[id], state=state, reason=reason))

    def get(self, id: str) -> Backend | None:
        return self._by_id.get(id)

    def all(self) -> tuple[Backend, ...]:
        return tuple(self._by_id.values())

    def models(self) -> tuple[Backend, ...]:
        """Of each model the backend that is nearest and best off, in the owner's order."""
        return tuple(self._nearest.values())

    def pool(self, model: str) -> tuple[Backend, ...]:
        """All that serve a model, the nearest first; in a tier in the owner's order."""
        return self._pools.get(model, ())

    def find(self, name: str) -> Backend | None:
        """The nearest backend that answers to this name or alias, in any case; see `models`."""
        model = self._names.get(name.lower())
        return self._nearest[model] if model else None

    def aliases(self, model: str) -> tuple[str, ...]:
        """The other names of a model."""
        return tuple(alias for each in self.pool(model) for alias in each.aliases)

    def _changed(self, model: str) -> None:
        self._sort()
        if self.watcher:
            self.watcher(model)

    def _sort(self) -> None:
        """Asked for by every request, and changed seldom."""
        pools: dict[str, list[Backend]] = {}
        for each in self._by_id.values():
            pools.setdefault(each.model, []).append(each)
        self._pools = {
            model: tuple(sorted(pool, key=lambda each: TIERS.index(each.tier)))
            for model, pool in pools.items()
        }
        self._nearest = {model: _first(pool) for model, pool in self._pools.items()}
        self._names = _by_what_they_do(self.models())
        for backend in reversed(self.all()):
            self._names |= dict.fromkeys((each.lower() for each in backend.aliases), backend.model)
        self._names |= {model.lower(): model for model in self._pools}


def _by_what_they_do(served: Sequence[Backend]) -> dict[str, str]:
    """Names that programs may use whatever is served."""
    able = {
        "default": [each for each in served if each.kind in (None, "chat")] or served,
        "vision": [each for each in served if each.sees],
        "reasoning": [each for each in served if each.reasons],
        "embedding": [each for each in served if each.kind == "embedding"],
        "rerank": [each for each in served if each.kind == "rerank"],
    }
    return {name: first[0].model for name, first in able.items() if first}


def _first(pool: tuple[Backend, ...]) -> Backend:
    return min(pool, key=lambda each: (not each.near, not each.takes_requests))
