"""Times by OpenTelemetry's names."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from kanoa_mlops.gateway.gen_ai import GenAi, Operated

CHAT = Operated("chat", "vllm", "gemma-3", "google/gemma-3")
LABELS = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "vllm",
    "gen_ai_request_model": "gemma-3",
    "gen_ai_response_model": "google/gemma-3",
}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def gen_ai(registry: CollectorRegistry) -> GenAi:
    return GenAi(registry)


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"gen_ai_server_{name}", {**LABELS, **labels})


def test_a_stream_is_seen_by_all_three(registry: CollectorRegistry, gen_ai: GenAi) -> None:
    gen_ai.observe(CHAT, 3.0, first_token_seconds=1.0, output_tokens=5)
    assert sample(registry, "request_duration_seconds_sum", error_type="") == 3
    assert sample(registry, "request_duration_seconds_bucket", error_type="", le="5.12") == 1
    assert sample(registry, "time_to_first_token_seconds_sum") == 1
    assert sample(registry, "time_per_output_token_seconds_sum") == 0.5


def test_one_that_failed_counts_as_a_duration_with_its_kind(
    registry: CollectorRegistry, gen_ai: GenAi
) -> None:
    gen_ai.observe(CHAT, 2.0, first_token_seconds=1.0, output_tokens=5, error_type="engine_stalled")
    assert sample(registry, "request_duration_seconds_count", error_type="engine_stalled") == 1
    assert sample(registry, "time_to_first_token_seconds_count") is None
    assert sample(registry, "time_per_output_token_seconds_count") is None


@pytest.mark.parametrize("tokens", [None, 0, 1])
def test_of_one_token_there_is_no_time_for_each(
    registry: CollectorRegistry, gen_ai: GenAi, tokens: int | None
) -> None:
    gen_ai.observe(CHAT, 2.0, first_token_seconds=1.0, output_tokens=tokens)
    assert sample(registry, "time_to_first_token_seconds_count") == 1
    assert sample(registry, "time_per_output_token_seconds_count") is None


def test_an_answer_that_came_whole_has_no_first_token(registry: CollectorRegistry, gen_ai: GenAi) -> None:
    gen_ai.observe(CHAT, 2.0, output_tokens=5)
    assert sample(registry, "request_duration_seconds_count", error_type="") == 1
    assert sample(registry, "time_to_first_token_seconds_count") is None


def test_they_can_be_there_at_zero(registry: CollectorRegistry, gen_ai: GenAi) -> None:
    gen_ai.appear(CHAT)
    assert sample(registry, "request_duration_seconds_count", error_type="") == 0
    assert sample(registry, "time_to_first_token_seconds_count") == 0
    assert sample(registry, "time_per_output_token_seconds_count") == 0


def test_the_buckets_are_those_of_the_conventions(registry: CollectorRegistry, gen_ai: GenAi) -> None:
    gen_ai.appear(CHAT)
    text = generate_latest(registry).decode()
    for name, buckets, last in [
        ("request_duration_seconds", 15, "81.92"),
        ("time_to_first_token_seconds", 17, "10.0"),
        ("time_per_output_token_seconds", 14, "2.5"),
    ]:
        lines = [line for line in text.splitlines() if line.startswith(f"gen_ai_server_{name}_bucket")]
        assert len(lines) == buckets
        assert f'le="{last}"' in lines[-2]
