"""The way of a request to an engine: let in, read, made fit for whoever may take it, sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.asking import ask_of, parse_burst
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked, parse_body, read_body
from kanoa_mlops.gateway.choice import find
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.figure_notes import NO_FIGURES
from kanoa_mlops.gateway.figures import FigureDesk, parse_wish
from kanoa_mlops.gateway.grounded.wished import is_wished
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response
from kanoa_mlops.gateway.images import references
from kanoa_mlops.gateway.kinds import KINDS, require_kind
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.once import Once
from kanoa_mlops.gateway.prepare import prepare, without
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.sending import Errand, Sending
from kanoa_mlops.gateway.truncating import Truncating, wished_tokens
from kanoa_mlops.gateway.vectors import cut, wished_dimensions

if TYPE_CHECKING:
    from kanoa_mlops.gateway.documents import Documents


@dataclass(frozen=True)
class Passage:
    backends: Backends
    limits: Limits
    metrics: Metrics
    desk: FigureDesk
    sending: Sending
    reception: Reception | None
    documents: Once[Documents]
    truncating: Truncating

    async def pass_on(self, request: Request, exchange: Exchange) -> Answer:
        exchange.guest = guest = await self.reception.admit(request.headers) if self.reception else Guest()
        exchange.patience.allow(self.limits.idle_seconds, partial(_slow_upload, self.limits))
        raw = await read_body(request, self.limits.max_body_bytes, exchange.patience)
        exchange.read_at, exchange.body_bytes = time.monotonic(), len(raw)
        asked = parse_body(raw, exchange.route)
        async with request.staying():
            kind = KINDS[exchange.route]
            nearest = find(asked.model, self.backends, kind)
            guest.require(nearest.model)
            require_kind(nearest, kind, self.backends)
            exchange.model = nearest.model
            self.metrics.started(exchange)
            if exchange.route == routes.CHAT and is_wished(asked.fields):
                send = partial(self._grounded, exchange, guest)
                pool = self.backends.pool(nearest.model)
                grounding = (await self.documents.get()).grounding
                return await grounding.answer(request, exchange, guest, asked, pool, send)
            if exchange.route == routes.EMBEDDINGS:
                return await self._embedded(request, exchange, guest, asked, nearest)
            return await self.sending.send(await self._errand(request, exchange, guest, asked))

    async def _embedded(
        self, request: Request, exchange: Exchange, guest: Guest, asked: Asked, nearest: Backend
    ) -> Answer:
        """What engines do each in their own way, or not at all, is done here: cutting texts and vectors."""
        tokens, vectors = wished_tokens(asked.fields), nearest.vectors
        dimensions = wished_dimensions(asked.fields, nearest.model, vectors) if vectors else None
        if vectors and "dimensions" in asked.fields:
            asked = without(asked, "dimensions")
        errand = await self._errand(request, exchange, guest, asked)
        if tokens is not None:
            errand = replace(errand, fitted=partial(self.truncating.cut, tokens=tokens))
        answer = await self.sending.send(errand)
        return cut(answer, dimensions) if dimensions and isinstance(answer, Response) else answer

    async def _grounded(
        self, exchange: Exchange, guest: Guest, request: Request, asked: Asked, kept_here: str
    ) -> Answer:
        return await self.sending.send(await self._errand(request, exchange, guest, asked, kept_here))

    async def _errand(
        self, request: Request, exchange: Exchange, guest: Guest, asked: Asked, kept_here: str = ""
    ) -> Errand:
        model = exchange.model
        burst = parse_burst(request.headers.get("x-kanoa-burst", ""))
        pool = self.backends.pool(model)
        images, body = await self._conveyed(request, exchange, guest, asked, pool)
        ask = ask_of(
            asked,
            model,
            guest,
            burst,
            id=exchange.own_id,
            seconds=self.sending.dispatcher.terms.queue_seconds,
            images=images,
            shared=len(pool) > 1,
            kept_here=kept_here,
        )
        exchange.prompt_tokens = ask.prompt_tokens
        return Errand(request, exchange, asked, ask, guest, body)

    async def _conveyed(
        self, request: Request, exchange: Exchange, guest: Guest, asked: Asked, pool: Sequence[Backend]
    ) -> tuple[bool, Callable[[Backend], bytes]]:
        """Whether images go as they are, and what is sent to whom.

        Done before the request has a place anywhere: one that holds a model must never wait for another.
        """
        if "messages" not in asked.fields:
            return False, partial(prepare, asked)
        wish = parse_wish(request.headers.get("x-kanoa-figure", ""))
        if not references(asked.fields):
            return False, partial(prepare, asked)
        near = [each for each in pool if each.near]
        # Nearer is better than seeing: what stands for the image is told, and goes nowhere.
        first = next((each for each in near or pool if each.sees), pool[0])
        exchange.patience.allow(self.limits.figures_seconds, partial(_slow_figures, self.limits))
        try:
            told, notes = await self.desk.convey(asked, first, wish, exchange.request_id, guest)
        except ApiError as error:
            if error.code != "images_not_supported" or not any(each.sees for each in pool):
                raise
            return True, partial(prepare, asked)  # nothing near can do anything with them
        exchange.figures = notes

        def body(to: Backend) -> bytes:
            exchange.figures = NO_FIGURES if to.sees else notes
            return prepare(asked if to.sees else told, to)

        return first.sees, body


def _slow_upload(limits: Limits) -> ApiError:
    return ApiError(
        408,
        f"The request stopped arriving for {limits.idle_seconds:g} s.",
        code="request_stalled",
        headers={"connection": "close"},
    )


def _slow_figures(limits: Limits) -> ApiError:
    return ApiError(
        504,
        f"The request's figures were not read within {limits.figures_seconds:g} s.",
        code="figure_timeout",
    )
