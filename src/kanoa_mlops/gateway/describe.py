"""Figures described in words by a served model that sees, for one that does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.description import NotDescribed, parse, question
from kanoa_mlops.gateway.description_cache import DescriptionCache
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.images import Picture, Place
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.upstream import EngineAnswer, ask_engine
from kanoa_mlops.gateway.usage import Step, Usage

_LONGEST_BODY = 1024**2  # bytes of the engine's answer


@dataclass
class Described:
    """What became of some figures. Those without a text could not be described, and `reason` says why."""

    model: str = ""
    texts: dict[Place, str] = field(default_factory=dict)
    steps: dict[Place, Step] = field(default_factory=dict)
    reason: str = ""


class Describer:
    """Asks a model that sees for one figure after another, within a time, and remembers its answers."""

    def __init__(
        self,
        client: Client,
        backends: Backends,
        loader: Loader | None,
        *,
        seconds: float,
        max_bytes: int,
        observe: Callable[[float], None],
        traffic: Traffic | None = None,
    ) -> None:
        """`seconds` are for all figures of a request, `max_bytes` for what is remembered of all requests.

        `observe` is told how many seconds each description took.
        """
        self._client = client
        self._backends = backends
        self._loader = loader
        self._seconds = seconds
        self._remembered = DescriptionCache(max_bytes)
        self._observe = observe
        self._traffic = traffic or Traffic()

    async def describe(self, pictures: Sequence[Picture], request_id: str) -> Described:
        """As many as the model that sees describes. Never raises for what goes wrong with it."""
        backend = seer(self._backends)
        if backend is None:
            return Described()
        described = Described(backend.model)
        missing = [each for each in pictures if not self._recall(each, described)]
        if not missing:
            return described
        if not backend.takes_requests:
            because = f": {backend.reason}" if backend.reason else ""
            described.reason = f"{backend.model} is {backend.state}{because}"
            return described
        try:
            async with asyncio.timeout(self._seconds), self._loaded(backend):
                ready = self._backends.get(backend.id) or backend
                await self._describe_each(missing, ready, request_id, described)
        except TimeoutError:
            described.reason = f"{backend.model} took longer than {self._seconds:g} s"
        except KanoaError as error:
            described.reason = error.message
        return described

    async def _describe_each(
        self, pictures: Sequence[Picture], backend: Backend, request_id: str, described: Described
    ) -> None:
        loop = asyncio.get_running_loop()
        for picture in pictures:
            if self._recall(picture, described):  # twice in one request
                continue
            began = loop.time()
            try:
                text, usage = await self._ask(backend, picture, request_id)
            except NotDescribed as error:
                described.reason = f"{backend.model} {error}"
            except ApiError as error:
                described.reason = error.message
            else:
                self._observe(loop.time() - began)
                self._remembered.remember(picture.data, backend.model, text)
                described.texts[picture.place] = text
                described.steps[picture.place] = Step(backend.model, usage)

    def _recall(self, picture: Picture, described: Described) -> bool:
        text = self._remembered.find(picture.data, described.model)
        if text is None:
            return False
        described.texts[picture.place] = text
        described.steps[picture.place] = Step(described.model, Usage(0, 0), cached=True)
        return True

    def _loaded(self, backend: Backend) -> AbstractAsyncContextManager[None]:
        # Let go before the reasoner is asked for: a request that holds one model must never wait for another.
        if backend.on_demand and self._loader:
            return self._loader.using(backend.model, _to_nobody)
        return nullcontext()

    async def _ask(self, backend: Backend, picture: Picture, request_id: str) -> tuple[str, Usage]:
        body = json.dumps(question(backend, picture)).encode()
        headers = {"content-type": "application/json", "x-request-id": request_id}
        flow = self._traffic.of(backend.id)
        async with ask_engine(self._client, backend, routes.CHAT, body, headers, flow) as answer:
            if answer.status != 200:
                raise NotDescribed(f"answered with HTTP {answer.status}")
            return parse(await _read(answer), backend)


def seer(backends: Backends) -> Backend | None:
    """The served model that sees and is soonest asked: ready, else to be loaded, else in whatever state."""
    # What goes beyond the owner's machines, a request decides for itself.
    seeing = [backend for backend in backends.all() if backend.sees and backend.near]
    return min(seeing, key=lambda each: (not each.takes_requests, each.state != "ready"), default=None)


async def _read(answer: EngineAnswer) -> bytes:
    body = b""
    while chunk := await answer.chunk():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise NotDescribed("answered far too much")
    return body


def _to_nobody(words: str) -> None:
    """Who waits for a description hears nothing: the answer's headers say how the figure was conveyed."""
