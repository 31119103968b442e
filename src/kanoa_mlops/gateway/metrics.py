"""Counts and times for Prometheus. All of them are there from the first scrape on, at zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.books.money import MICRO
from kanoa_mlops.gateway.counters.collector import EngineCollector
from kanoa_mlops.gateway.counters.readings import Readings
from kanoa_mlops.gateway.envelope import Source
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange
from kanoa_mlops.gateway.gen_ai import GenAi
from kanoa_mlops.gateway.operation import error_type, operated, operation_of
from kanoa_mlops.gateway.policy.backend import Kind
from kanoa_mlops.gateway.policy.decision import Why
from kanoa_mlops.gateway.policy.outcome import Fault, Outcome
from kanoa_mlops.gateway.routes import PASSED_ON, TRANSLATED
from kanoa_mlops.gateway.snapshot import Snapshot, Standing
from kanoa_mlops.gateway.usage import Usage

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
_REJECTED = ("queue_full", "queue_timeout", "budget_spent", "rate_limit_exceeded", "burst_not_allowed")
_RETRIED = (*get_args(Fault), "402", "408", "410", "429", "502", "503", "504", "context")
_BURST = tuple(why for why in get_args(Why) if why not in ("nearest", "affinity"))


@dataclass(frozen=True)
class _Series:
    """Of one model."""

    in_flight: Gauge
    first_byte: Histogram
    held: Histogram
    queue: Histogram
    overhead: Histogram
    duration: Histogram
    prompt: Counter
    completion: Counter
    left: Counter


class Metrics:
    """One app's own registry, so that two apps in one process do not count together."""

    def __init__(self, readings: Readings) -> None:
        """`readings` are what engines tell of themselves."""
        self._registry = CollectorRegistry()
        self._registry.register(EngineCollector(readings))
        self._gen_ai = GenAi(self._registry)
        self._requests = self._counter(
            "requests", "Requests by what they came to", "model", "route", "status", "backend", "tier"
        )
        self._in_flight = self._gauge("requests_in_flight", "Requests that are not answered yet", "model")
        self._errors = self._counter("errors", "Errors told to clients, by who made them", "source")
        self._first_byte = self._histogram(
            "time_to_first_byte_seconds", "From request to first byte", "model"
        )
        self._held = self._histogram("load_wait_seconds", "Waiting for a model to be loaded", "model")
        self._queue = self._histogram("queue_seconds", "Waiting for a backend", "model")
        self._overhead = self._histogram(
            "overhead_seconds", "The gateway's own part of the time to first byte", "model", buckets=_OVERHEAD
        )
        self._duration = self._histogram("request_duration_seconds", "From request to last byte", "model")
        self._prompt = self._counter("prompt_tokens", "Prompt tokens as engines counted them", "model")
        self._completion = self._counter(
            "completion_tokens", "Answer tokens as engines counted them", "model"
        )
        self._figures = self._histogram("figure_read_seconds", "Reading one figure's text")
        self._described = self._histogram("figure_describe_seconds", "Having one figure described")
        self._left = self._counter("client_disconnects", "Clients that left before the end", "model")
        self._retries = self._counter(
            "retries", "Requests sent to another backend, by what the first met", "reason"
        )
        self._rejected = self._counter(
            "rejected", "Requests refused without being sent, by the reason", "reason"
        )
        self._burst = self._counter("burst", "Requests sent beyond the owner's machines", "reason")
        self._cost = self._counter("burst_cost_usd", "Dollars spent there")
        self._queued = self._gauge("queue_length", "Requests that wait for a backend", "model")
        backend = ("model", "backend", "tier")
        self._running = self._gauge("backend_requests_in_flight", "Requests with a backend now", *backend)
        self._capacity = self._gauge("backend_capacity", "Requests it works on at once", *backend)
        self._state = self._gauge("backend_state", "1 for the state a backend is in", *backend, "state")
        for source in get_args(Source):
            self._errors.labels(source)
        for counter, reasons in (
            (self._retries, _RETRIED),
            (self._rejected, _REJECTED),
            (self._burst, _BURST),
        ):
            for reason in reasons:
                counter.labels(reason)
        # Finding a series by its labels costs more than counting in it. Bounded, as names are those served.
        self._of = cache(self._series)
        self._request = cache(self._requests.labels)

    @property
    def registry(self) -> CollectorRegistry:
        """For others that count, so that all of it is told at once."""
        return self._registry

    def started(self, exchange: Exchange) -> None:
        """It is known for which model the request is."""
        self._of(exchange.model).in_flight.inc()

    def sent(self, exchange: Exchange) -> None:
        """A backend takes the request."""
        if exchange.backend and not exchange.backend.near:
            self._burst.labels(exchange.why).inc()

    def retried(self, outcome: Outcome | None) -> None:
        reason = (
            "context" if outcome is None or outcome.status == 400 else outcome.fault or str(outcome.status)
        )
        self._retries.labels(reason).inc()

    def ended(self, exchange: Exchange) -> None:
        took = (exchange.backend.id, exchange.backend.tier) if exchange.backend else ("", "")
        self._request(exchange.model, exchange.route, exchange.status, *took).inc()
        if exchange.error:
            self._errors.labels(exchange.error.source).inc()
            if exchange.error.code in _REJECTED:
                self._rejected.labels(exchange.error.code).inc()
        if exchange.model == "none":
            return
        series = self._of(exchange.model)
        series.in_flight.dec()
        series.duration.observe(exchange.seconds)
        if exchange.backend:
            self._observe(exchange, exchange.backend)
        if exchange.status == CLIENT_LEFT:
            series.left.inc()
        if exchange.held_seconds:
            series.held.observe(exchange.held_seconds)
        if exchange.first_byte_seconds is not None:
            series.first_byte.observe(exchange.first_byte_seconds)
            series.queue.observe(exchange.queue_seconds)
            series.overhead.observe(exchange.overhead_seconds)
        if micro := exchange.micro:
            self._cost.inc(micro / MICRO)
        self._count(exchange.model, exchange.usage)
        for step in exchange.all_steps:
            self._count(step.model, step.usage)

    def figure_read(self, seconds: float) -> None:
        self._figures.observe(seconds)

    def figure_described(self, seconds: float) -> None:
        self._described.observe(seconds)

    def expose(self, snapshot: Snapshot) -> bytes:
        """Prometheus' text format, with the backends as they are now."""
        for gauge in (self._running, self._capacity, self._state, self._queued):
            gauge.clear()  # of one that is gone nothing is told
        for each in snapshot.backends:
            self._appear(each)
        for model, waiting in snapshot.queued.items():
            self._queued.labels(model).set(waiting)
        return generate_latest(self._registry)

    def _appear(self, each: Standing) -> None:
        """A series that begins at its first event cannot tell Prometheus that there was an increase."""
        backend = each.backend
        labels = (backend.model, backend.id, backend.tier)
        self._running.labels(*labels).set(each.in_flight)
        self._capacity.labels(*labels).set(backend.slots)
        for kind in get_args(Kind):
            self._state.labels(*labels, kind).set(each.state.kind == kind)
        for route in (*PASSED_ON, *TRANSLATED):
            self._request(backend.model, route, 200, backend.id, backend.tier)
        self._of(backend.model)
        self._gen_ai.appear(operated("chat", backend))

    def _observe(self, exchange: Exchange, backend: Backend) -> None:
        if (operation := operation_of(exchange.route)) is None:
            return
        self._gen_ai.observe(
            operated(operation, backend),
            exchange.seconds,
            first_token_seconds=exchange.first_byte_seconds if exchange.stream else None,
            output_tokens=exchange.usage.completion_tokens if exchange.usage else None,
            error_type=error_type(exchange),
        )

    def _series(self, model: str) -> _Series:
        return _Series(
            self._in_flight.labels(model),
            self._first_byte.labels(model),
            self._held.labels(model),
            self._queue.labels(model),
            self._overhead.labels(model),
            self._duration.labels(model),
            self._prompt.labels(model),
            self._completion.labels(model),
            self._left.labels(model),
        )

    def _count(self, model: str, usage: Usage | None) -> None:
        if usage:
            self._of(model).prompt.inc(usage.prompt_tokens)
            self._of(model).completion.inc(usage.completion_tokens)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"kanoa_{name}", text, labels, registry=self._registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"kanoa_{name}", text, labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(f"kanoa_{name}", text, labels, buckets=buckets, registry=self._registry)
