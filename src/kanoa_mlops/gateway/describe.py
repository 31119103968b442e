"""Figures described in words by a served model that sees, for one that does not.

Each description has its turn among all requests for that model, as one of the same key: it waits in the same
queue and takes a place at a backend. Of the key's own limits it uses tokens alone. Requests it asks none, as
the one that it is for was let in already; and no second place at the same time, as that one waits for it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.asking import IMAGE_LIKELY
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.description import LONGEST_ANSWER, NotDescribed, parse, question
from kanoa_mlops.gateway.description_cache import DescriptionCache
from kanoa_mlops.gateway.dispatcher import Dispatcher
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.images import Picture, Place
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.sending import FAULTS
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
        dispatcher: Dispatcher,
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
        self._dispatcher = dispatcher
        self._loader = loader
        self._seconds = seconds
        self._remembered = DescriptionCache(max_bytes)
        self._observe = observe
        self._traffic = traffic or Traffic()

    async def describe(self, pictures: Sequence[Picture], request_id: str, guest: Guest) -> Described:
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
                await self._describe_each(missing, request_id, guest, described)
        except TimeoutError:
            described.reason = f"{backend.model} took longer than {self._seconds:g} s"
        except (KanoaError, ApiError) as error:
            described.reason = error.message
        return described

    async def _describe_each(
        self, pictures: Sequence[Picture], request_id: str, guest: Guest, described: Described
    ) -> None:
        for picture in pictures:
            if self._recall(picture, described):  # twice in one request
                continue
            came = time.monotonic()
            # Refused, it is so for the rest of the figures too.
            with await self._dispatcher.seat(self._as_ask(described.model, guest), guest, _unheard) as seat:
                began = time.monotonic()
                try:
                    text, usage = await self._ask(seat.backend, picture, request_id)
                except NotDescribed as error:
                    described.reason = f"{described.model} {error}"
                    continue
                except ApiError as error:
                    described.reason = error.message
                    if fault := FAULTS.get(error.code):
                        seat.met(Outcome(fault=fault))
                    continue
                seat.answered()
            self._observe(time.monotonic() - began)
            self._remembered.remember(picture.data, described.model, text)
            described.texts[picture.place] = text
            described.steps[picture.place] = Step(
                described.model,
                usage,
                backend=seat.backend.id,
                tier=seat.backend.tier,
                queue_seconds=began - came,
                seconds=time.monotonic() - came,
            )

    def _as_ask(self, model: str, guest: Guest) -> Ask:
        """As the policy sees it."""
        now = time.monotonic()
        return Ask(
            secrets.token_hex(12),
            model,
            guest.id,
            prompt_tokens=IMAGE_LIKELY,
            arrived=now,
            deadline=now + min(self._seconds, self._dispatcher.terms.queue_seconds),
            max_answer_tokens=LONGEST_ANSWER,
            images=True,
            burst="never",  # that is for the request to decide
            prompt_least=0,
        )

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
            return self._loader.using(backend.id, _to_nobody)
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


def _unheard(words: Callable[[], str]) -> None:
    """Likewise of its place in the queue."""
