"""Counts and times for Prometheus. All of them are there from the first scrape on, at zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kanoa_mlops.gateway.backends import Backend, State
from kanoa_mlops.gateway.envelope import Source
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange
from kanoa_mlops.gateway.routes import PASSED_ON
from kanoa_mlops.gateway.usage import Usage

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class _Series:
    """Of one model."""

    in_flight: Gauge
    first_byte: Histogram
    held: Histogram
    duration: Histogram
    prompt: Counter
    completion: Counter
    left: Counter


class Metrics:
    """One app's own registry, so that two apps in one process do not count together."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter(
            "requests", "Requests by what they came to", "model", "route", "status"
        )
        self._in_flight = Gauge(
            "kanoa_requests_in_flight", "Requests with an engine now", ["model"], registry=self._registry
        )
        self._errors = self._counter("errors", "Errors told to clients, by who made them", "source")
        self._first_byte = self._histogram(
            "time_to_first_byte_seconds", "From request to first byte", "model"
        )
        self._held = self._histogram("load_wait_seconds", "Waiting for a model to be loaded", "model")
        self._duration = self._histogram("request_duration_seconds", "From request to last byte", "model")
        self._prompt = self._counter("prompt_tokens", "Prompt tokens as engines counted them", "model")
        self._completion = self._counter(
            "completion_tokens", "Answer tokens as engines counted them", "model"
        )
        self._figures = self._histogram("figure_read_seconds", "Reading one figure's text")
        self._described = self._histogram("figure_describe_seconds", "Having one figure described")
        self._left = self._counter("client_disconnects", "Clients that left before the end", "model")
        self._state = Gauge(
            "kanoa_backend_state",
            "1 for the state a backend is in",
            ["model", "state"],
            registry=self._registry,
        )
        for source in get_args(Source):
            self._errors.labels(source)
        # Finding a series by its labels costs more than counting in it. Bounded, as names are those served.
        self._of = cache(self._series)
        self._request = cache(self._requests.labels)

    def started(self, exchange: Exchange) -> None:
        """An engine was chosen for the request."""
        self._of(exchange.model).in_flight.inc()

    def ended(self, exchange: Exchange) -> None:
        self._request(exchange.model, exchange.route, exchange.status).inc()
        if exchange.error:
            self._errors.labels(exchange.error.source).inc()
        if exchange.backend is None:
            return
        series = self._of(exchange.model)
        series.in_flight.dec()
        series.duration.observe(exchange.seconds)
        if exchange.status == CLIENT_LEFT:
            series.left.inc()
        if exchange.held_seconds:
            series.held.observe(exchange.held_seconds)
        if exchange.first_byte_seconds is not None:
            series.first_byte.observe(exchange.first_byte_seconds)
        self._count(exchange.model, exchange.usage)
        for step in exchange.figures.steps:
            self._count(step.model, step.usage)

    def figure_read(self, seconds: float) -> None:
        self._figures.observe(seconds)

    def figure_described(self, seconds: float) -> None:
        self._described.observe(seconds)

    def expose(self, backends: Sequence[Backend]) -> bytes:
        """Prometheus' text format, with the backends as they are now."""
        for backend in backends:
            self._appear(backend.model)
            for state in get_args(State):
                self._state.labels(backend.model, state).set(backend.state == state)
        return generate_latest(self._registry)

    def _appear(self, model: str) -> None:
        """A series that begins at its first event cannot tell Prometheus that there was an increase."""
        for route in PASSED_ON:
            self._request(model, route, 200)
        self._of(model)

    def _series(self, model: str) -> _Series:
        return _Series(
            self._in_flight.labels(model),
            self._first_byte.labels(model),
            self._held.labels(model),
            self._duration.labels(model),
            self._prompt.labels(model),
            self._completion.labels(model),
            self._left.labels(model),
        )

    def _count(self, model: str, usage: Usage | None) -> None:
        if usage:
            self._of(model).prompt.inc(usage.prompt_tokens)
            self._of(model).completion.inc(usage.completion_tokens)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"kanoa_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"kanoa_{name}", text, labels, buckets=_SECONDS, registry=self._registry)
