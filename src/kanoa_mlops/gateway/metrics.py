"""Counts and times for Prometheus. All of them are there from the first scrape on, at zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kanoa_mlops.gateway.backends import Backend, State
from kanoa_mlops.gateway.envelope import Source
from kanoa_mlops.gateway.exchange import CLIENT_LEFT, Exchange
from kanoa_mlops.gateway.routes import PASSED_ON

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


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

    def started(self, exchange: Exchange) -> None:
        """An engine was chosen for the request."""
        self._in_flight.labels(exchange.model).inc()

    def ended(self, exchange: Exchange) -> None:
        self._requests.labels(exchange.model, exchange.route, exchange.status).inc()
        if exchange.error:
            self._errors.labels(exchange.error.source).inc()
        if exchange.backend is None:
            return
        self._in_flight.labels(exchange.model).dec()
        self._duration.labels(exchange.model).observe(exchange.seconds)
        if exchange.status == CLIENT_LEFT:
            self._left.labels(exchange.model).inc()
        if exchange.held_seconds:
            self._held.labels(exchange.model).observe(exchange.held_seconds)
        if exchange.first_byte_seconds is not None:
            self._first_byte.labels(exchange.model).observe(exchange.first_byte_seconds)
        if exchange.usage:
            self._prompt.labels(exchange.model).inc(exchange.usage.prompt_tokens)
            self._completion.labels(exchange.model).inc(exchange.usage.completion_tokens)
        for step in exchange.figures.steps:
            self._prompt.labels(step.model).inc(step.usage.prompt_tokens)
            self._completion.labels(step.model).inc(step.usage.completion_tokens)

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
            self._requests.labels(model, route, 200)
        for metric in (
            self._in_flight,
            self._first_byte,
            self._held,
            self._duration,
            self._prompt,
            self._completion,
            self._left,
        ):
            metric.labels(model)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"kanoa_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"kanoa_{name}", text, labels, buckets=_SECONDS, registry=self._registry)
