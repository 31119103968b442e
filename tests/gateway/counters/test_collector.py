"""Counters of engines as Prometheus sees them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from kanoa_mlops.gateway.counters.collector import EngineCollector
from kanoa_mlops.gateway.counters.counters import EngineCounters
from kanoa_mlops.gateway.counters.readings import Reading, Readings

FULL = EngineCounters(1, 2, 0.5, 100, 30, 4, 50)


def samples(registry: CollectorRegistry) -> set[str]:
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if not line.startswith("#")}


def test_one_set_of_names_whatever_the_engine() -> None:
    readings, registry = Readings(), CollectorRegistry()
    registry.register(EngineCollector(readings))
    readings.put(Reading("m", "one", "vllm", FULL))
    labels = 'backend="one",engine="vllm",model="m"'
    assert samples(registry) == {
        f"kanoa_engine_requests_running{{{labels}}} 1.0",
        f"kanoa_engine_requests_waiting{{{labels}}} 2.0",
        f"kanoa_engine_kv_cache_usage_ratio{{{labels}}} 0.5",
        f"kanoa_engine_prompt_tokens_total{{{labels}}} 100.0",
        f"kanoa_engine_generation_tokens_total{{{labels}}} 30.0",
        f"kanoa_engine_requests_done_total{{{labels}}} 4.0",
        f"kanoa_engine_steps_total{{{labels}}} 50.0",
    }


def test_what_an_engine_does_not_tell_has_no_series() -> None:
    readings, registry = Readings(), CollectorRegistry()
    registry.register(EngineCollector(readings))
    assert samples(registry) == set()
    readings.put(Reading("m", "one", "ollama", EngineCounters(running=0)))
    assert samples(registry) == {'kanoa_engine_requests_running{backend="one",engine="ollama",model="m"} 0.0'}


def test_each_backend_of_a_pool_has_its_own() -> None:
    readings, registry = Readings(), CollectorRegistry()
    registry.register(EngineCollector(readings))
    for backend in ("one", "two"):
        readings.put(Reading("m", backend, "ollama", EngineCounters(running=0)))
    assert len(samples(registry)) == 2


def test_what_could_not_be_read_anew_is_gone() -> None:
    readings, registry = Readings(), CollectorRegistry()
    registry.register(EngineCollector(readings))
    readings.put(Reading("m", "one", "vllm", FULL))
    readings.drop("one")
    readings.drop("one")
    assert samples(registry) == set()
