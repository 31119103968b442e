"""What many requests at once came to: the numbers of one row."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.bench.sample import Sample

Prompt = Literal["text", "figure"]


@dataclass(frozen=True)
class Spread:
    """Of many values, the middle one and the one that 95 of 100 do not exceed."""

    median: float
    p95: float


@dataclass(frozen=True)
class Level:
    """Requests of one kind, so many at once."""

    parallel: int
    prompt: Prompt
    requests: int
    seconds: float
    """From the first request's start to the last one's end."""
    first_token: Spread | None
    """Seconds; waiting for a turn is in it. None where nothing was answered."""
    tokens_per_second: Spread | None
    """Of one request, from its first token to its last."""
    total_tokens_per_second: float
    """Of all together, the computing of prompts included."""
    input_tokens: float
    """Of one request, on average."""
    output_tokens: int
    """Of all together."""
    failures: dict[str, int]
    """Why requests failed, and how many did."""

    @property
    def errors(self) -> int:
        return sum(self.failures.values())


def level(parallel: int, prompt: Prompt, samples: Sequence[Sample]) -> Level:
    """
    Args:
        samples: at least one.
    """
    answered = [each for each in samples if not each.error]
    seconds = max(each.ended for each in samples) - min(each.began for each in samples)
    output = sum(each.output_tokens for each in answered)
    return Level(
        parallel=parallel,
        prompt=prompt,
        requests=len(samples),
        seconds=seconds,
        first_token=spread([each.first_token_seconds for each in answered]),
        tokens_per_second=spread([each.tokens_per_second for each in answered]),
        total_tokens_per_second=output / seconds if seconds > 0 else 0.0,
        input_tokens=statistics.fmean(each.input_tokens for each in answered) if answered else 0.0,
        output_tokens=output,
        failures=dict(Counter(each.error for each in samples if each.error)),
    )


def spread(values: Sequence[float | None]) -> Spread | None:
    """Of those that are known; between two values it is drawn straight."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    # `quantiles` wants two.
    p95 = statistics.quantiles(known, n=20, method="inclusive")[-1] if len(known) > 1 else known[0]
    return Spread(statistics.median(known), p95)
