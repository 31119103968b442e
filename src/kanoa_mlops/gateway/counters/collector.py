"""Counters of engines for Prometheus, under names that stay when engines change theirs."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kanoa_mlops.gateway.counters.counters import EngineCounters
from kanoa_mlops.gateway.counters.readings import Readings

_LABELS = ("model", "backend", "engine")
_GAUGES = {
    "requests_running": ("running", "Requests the engine works on"),
    "requests_waiting": ("waiting", "Requests in the engine's own queue"),
    "kv_cache_usage_ratio": ("kv_cache_usage", "Share of the engine's key-value cache that is taken, 0 to 1"),
}
_COUNTERS = {
    "prompt_tokens": ("prompt_tokens_total", "Prompt tokens the engine read since it began"),
    "generation_tokens": ("generation_tokens_total", "Answer tokens the engine made since it began"),
    "requests_done": ("requests_done_total", "Requests the engine came to an end with since it began"),
    "steps": ("steps_total", "Passes through the model since the engine began"),
}


class EngineCollector(Collector):
    """What was last read, at each scrape. An engine that does not tell a thing has no series of it."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        for name, (field, text) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"kanoa_engine_{name}", text, labels=_LABELS)
            self._fill(gauge, field)
            yield gauge
        for name, (field, text) in _COUNTERS.items():
            counter = CounterMetricFamily(f"kanoa_engine_{name}", text, labels=_LABELS)
            self._fill(counter, field)
            yield counter

    def _fill(self, family: GaugeMetricFamily | CounterMetricFamily, field: str) -> None:
        for reading in self._readings.all():
            value = _value(reading.counters, field)
            if value is not None:
                family.add_metric((reading.model, reading.backend, reading.engine), value)


def _value(counters: EngineCounters, field: str) -> float | None:
    value: float | None = getattr(counters, field)
    return value
