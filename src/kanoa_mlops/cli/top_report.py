"""What `top` shows, worked out of two looks at a gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kanoa_mlops.cli.scrape import Scrape, Seen
from kanoa_mlops.cli.today import Today
from kanoa_mlops.gateway.books.money import MICRO


@dataclass(frozen=True)
class Pace:
    """Each in a second, between two looks; None where nobody counts it."""

    prompt_tokens: float | None
    answer_tokens: float | None
    requests: float | None


@dataclass(frozen=True)
class ModelRow:
    model: str
    queued: int
    """Requests that wait."""
    pace: Pace
    """Tokens are counted when an answer has ended."""


@dataclass(frozen=True)
class BackendRow:
    seen: Seen
    queued: int
    """Requests that wait for its model."""
    pace: Pace
    """Tokens as the engine counts them, while it works."""
    memory_bytes: int | None


@dataclass(frozen=True)
class Frame:
    url: str
    """Of the gateway, without `/v1`."""
    seconds: float
    """Between the two looks."""
    models: Sequence[ModelRow]
    backends: Sequence[BackendRow]
    today: Today


def frame(url: str, before: Scrape, now: Scrape, memory: Mapping[str, int], today: Today) -> Frame:
    """
    Args:
        memory: bytes that engines hold, by backend.
    """

    def pace(names: tuple[str, str], label: str, value: str) -> Pace:
        counted = (*names, "kanoa_requests_total")
        return Pace(*(_rate(before, now, (name, label, value)) for name in counted))

    engine = ("kanoa_engine_prompt_tokens_total", "kanoa_engine_generation_tokens_total")
    gateway = ("kanoa_prompt_tokens_total", "kanoa_completion_tokens_total")
    return Frame(
        url,
        now.at - before.at,
        [ModelRow(model, waiting, pace(gateway, "model", model)) for model, waiting in now.queued.items()],
        [
            BackendRow(
                seen,
                now.queued.get(seen.model, 0),
                pace(engine, "backend", seen.id),
                memory.get(seen.id),
            )
            for seen in now.backends
        ],
        today,
    )


def _rate(before: Scrape, now: Scrape, counter: tuple[str, str, str]) -> float | None:
    then, value = before.counters.get(counter), now.counters.get(counter)
    if then is None or value is None or now.at <= before.at:
        return None
    # A counter that is lower than it was began anew, at zero.
    return (value - then if value >= then else value) / (now.at - before.at)


def document(frame: Frame) -> dict[str, Any]:
    """For programs; tokens and requests are those of a second."""
    micro, left = frame.today.micro, frame.today.left
    return {
        "endpoint": f"{frame.url}/v1",
        "seconds": round(frame.seconds, 3),
        "models": [{"model": each.model, "queued": each.queued, **_pace(each.pace)} for each in frame.models],
        "backends": [
            {
                **asdict(each.seen),
                "queued": each.queued,
                **_pace(each.pace),
                "memory_bytes": each.memory_bytes,
            }
            for each in frame.backends
        ],
        "cost_today_usd": None if micro is None else micro / MICRO,
        "left_today_usd": {id: each / MICRO for id, each in left.items()},
    }


def _pace(pace: Pace) -> dict[str, float | None]:
    return {
        "prompt_tokens_per_second": _rounded(pace.prompt_tokens),
        "answer_tokens_per_second": _rounded(pace.answer_tokens),
        "requests_per_second": _rounded(pace.requests),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
