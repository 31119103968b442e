"""Times of requests by OpenTelemetry's names for generative AI, as Prometheus shows them.

https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md commit 004902b8,
read 2026-11-28; its status is "Development". Of what it recommends, `server.address` and `server.port` are
left out: engines here change theirs whenever they start, and each would begin a series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Histogram

Operation = Literal["chat", "text_completion", "embeddings"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

_LABELS = (
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
)
# Those that the conventions ask for, in seconds.
_DURATION = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)


@dataclass(frozen=True)
class Operated:
    """What was asked of whom."""

    operation: Operation
    provider: str
    """The engine without its version, as 'vllm'; beyond the LAN who hosts it, by the conventions' name."""
    request_model: str
    """The served name: what a client made up never gets into a label."""
    response_model: str
    """What the engine calls it."""

    @property
    def labels(self) -> tuple[str, str, str, str]:
        return self.operation, self.provider, self.request_model, self.response_model


class GenAi:
    """Three histograms in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "gen_ai_server_request_duration_seconds",
            "From request to last byte",
            (*_LABELS, "error_type"),
            buckets=_DURATION,
            registry=registry,
        )
        self._first_token = Histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "From request to first token, of streams that succeeded",
            _LABELS,
            buckets=_FIRST_TOKEN,
            registry=registry,
        )
        self._per_token = Histogram(
            "gen_ai_server_time_per_output_token_seconds",
            "Per token after the first, of streams that succeeded",
            _LABELS,
            buckets=_PER_TOKEN,
            registry=registry,
        )

        # Finding a series by its labels costs more than counting in it. Bounded, as names are those served.
        self._duration_of = cache(self._duration.labels)
        self._first_token_of = cache(self._first_token.labels)
        self._per_token_of = cache(self._per_token.labels)

    def appear(self, operated: Operated) -> None:
        """At zero: a series that begins at its first event cannot tell that there was an increase."""
        self._duration_of(*operated.labels, "")
        self._first_token_of(*operated.labels)
        self._per_token_of(*operated.labels)

    def observe(
        self,
        operated: Operated,
        seconds: float,
        *,
        first_token_seconds: float | None = None,
        output_tokens: int | None = None,
        error_type: str = "",
    ) -> None:
        """One request, once it has ended.

        Args:
            seconds: from its arrival to the last byte.
            first_token_seconds: from its arrival to the first token; None where the answer came whole.
            output_tokens: as the engine counted them; None where it did not.
            error_type: a code of few values, as 'engine_timeout'; empty for a success, which to Prometheus is
                the same as none.
        """
        self._duration_of(*operated.labels, error_type).observe(seconds)
        if error_type or first_token_seconds is None:
            return
        self._first_token_of(*operated.labels).observe(first_token_seconds)
        if output_tokens is not None and output_tokens > 1:
            rest = max(0.0, seconds - first_token_seconds)
            self._per_token_of(*operated.labels).observe(rest / (output_tokens - 1))
