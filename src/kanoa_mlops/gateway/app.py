"""The gateway, made from its collaborators."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.about import About
from kanoa_mlops.gateway.answering import Answering
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.counters.readings import Readings
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.dispatcher import Dispatcher
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.figures import FigureDesk, FigureReader
from kanoa_mlops.gateway.forward import Forwarder
from kanoa_mlops.gateway.heap import LARGE_BYTES, Heap
from kanoa_mlops.gateway.holding import Holding, Loader
from kanoa_mlops.gateway.http.client import Client, WayOut
from kanoa_mlops.gateway.inflight import InFlight
from kanoa_mlops.gateway.library.counted import LibraryCounts
from kanoa_mlops.gateway.limits import Limits
from kanoa_mlops.gateway.line import Terms
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.once import Handlers, Once, handlers_once
from kanoa_mlops.gateway.passage import Passage
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.sending import Sending
from kanoa_mlops.gateway.surfaces.doors import surfaces
from kanoa_mlops.gateway.surfaces.ollama.errors import AnsweringOllamaToo
from kanoa_mlops.gateway.trace import Traces
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.truncating import Truncating

if TYPE_CHECKING:
    from kanoa_mlops.gateway.documents import Documents, Opening

_DESCRIPTION_BYTES = 4 * 1024**2  # remembered; some thousand descriptions


@dataclass(frozen=True)
class App:
    """The gateway, to be put on a port."""

    handle: Answering
    """An ASGI application."""
    in_flight: InFlight
    dispatcher: Dispatcher
    traffic: Traffic
    """What is sent to engines, for who watches them."""
    readings: Readings
    """For who watches them to put what they tell."""
    _client: Client
    _heap: Heap
    _documents: Once[Documents]

    def close(self) -> None:
        """Once nothing is in flight any more."""
        self._heap.close()
        self.dispatcher.close()
        self._client.close()
        if documents := self._documents.made:
            documents.grounding.close()


def make_app(
    backends: Backends,
    *,
    figures: FigureReader | None,
    max_body_bytes: int,
    version: str,
    allowed_hosts: Collection[str] | None = (),
    allow_remote_images: bool = False,
    reception: Reception | None = None,
    loader: Loader | None = None,
    terms: Terms | None = None,
    out: WayOut | None = None,
    traces: Traces | None = None,
    documents: Opening | None = None,
    max_file_bytes: int = 128 * 2**20,
    max_images: int = 8,
    max_answer_bytes: int = 2**30,
    max_event_bytes: int = 64 * 2**20,
    first_byte_seconds: float = 600.0,
    idle_seconds: float = 120.0,
    silent_seconds: float = 3.0,
    prefill_seconds: float = 20.0,
    heartbeat_seconds: float = 10.0,
    loading_seconds: float = 3600.0,
    describing_seconds: float = 300.0,
) -> App:
    """The front door for `backends`, which may change while it runs.

    `allowed_hosts` are names beside the loopback ones that a request's Host may have; None takes any, for a
    gateway that is meant to be reached from elsewhere. `allow_remote_images` lets engines that see fetch
    addresses out of requests. `reception` asks for keys and keeps the books; without one everybody comes in,
    and nothing is booked. `loader` loads the models that are on demand; without one there may be none.
    `terms` are how requests wait. `out` is how connections leave for what is beyond the owner's machines.
    `traces` is told of each request. `documents` opens what keeps files and vector stores, in a thread, with
    the first request for either; whoever gave it closes it. No file is larger than `max_file_bytes`. What an
    engine sends is let go beyond `max_answer_bytes`, and of one event of a stream `max_event_bytes`.
    """
    limits = Limits(
        max_body_bytes,
        max_images,
        first_byte_seconds,
        idle_seconds,
        silent_seconds=silent_seconds,
        prefill_seconds=prefill_seconds,
        heartbeat_seconds=heartbeat_seconds,
        describing_seconds=describing_seconds,
        loading_seconds=loading_seconds,
        max_answer_bytes=max_answer_bytes,
        max_event_bytes=max_event_bytes,
        max_file_bytes=max_file_bytes,
    )
    traffic, readings = Traffic(), Readings()
    metrics, in_flight, client = Metrics(readings), InFlight(), Client(f"kanoa-mlops/{version}", out)
    purse = reception.purse if reception else None
    dispatcher = Dispatcher(backends, terms or Terms(), purse, loader)
    describer = Describer(
        client,
        backends,
        dispatcher,
        loader,
        seconds=describing_seconds,
        max_bytes=_DESCRIPTION_BYTES,
        observe=metrics.figure_described,
        traffic=traffic,
    )
    sending = Sending(
        dispatcher,
        Forwarder(client, limits, traffic),
        limits,
        metrics,
        Holding(loader, backends, limits) if loader is not None else None,
        purse,
    )
    desk = FigureDesk(backends, figures, describer, max_images, allow_remote_images, metrics.figure_read)
    shelf = _documents(documents, reception, limits, metrics, figures, describer)

    async def shelves() -> Handlers:
        return (await shelf.get()).handlers

    passage = Passage(
        backends, limits, metrics, desk, sending, reception, shelf, Truncating(client, traffic, limits)
    )
    about = About(backends, dispatcher, metrics, version, reads=figures is not None, created=int(time.time()))
    handlers = {("POST", route): passage.pass_on for route in routes.PASSED_ON} | about.handlers()
    handlers |= surfaces(
        passage.pass_on,
        backends,
        max_body_bytes=max_body_bytes,
        version=version,
        created=about.created,
        reads=about.reads,
    )
    handlers |= handlers_once(routes.LIBRARY, shelves)
    heap = Heap()
    hosts = None if allowed_hosts is None else frozenset(host.lower() for host in allowed_hosts)

    def ended(exchange: Exchange) -> None:
        metrics.ended(exchange)
        if reception:
            reception.dismiss(exchange)
        if traces:
            traces.ended(exchange)
        if exchange.body_bytes >= LARGE_BYTES:
            heap.large_request_ended()

    return App(
        AnsweringOllamaToo(handlers, in_flight, ended, hosts, traces, idle_seconds),
        in_flight,
        dispatcher,
        traffic,
        readings,
        client,
        heap,
        shelf,
    )


def _documents(
    opening: Opening | None,
    reception: Reception | None,
    limits: Limits,
    metrics: Metrics,
    figures: FigureReader | None,
    describer: Describer,
) -> Once[Documents]:
    counts = LibraryCounts(metrics.registry)  # at zero from the first scrape on

    def load() -> Documents:
        # Most gateways are never asked for documents, and start faster and stay smaller without all this.
        from kanoa_mlops.gateway.documents import open_documents

        return open_documents(opening, counts, reception, limits, figures, describer)

    return Once(load)
