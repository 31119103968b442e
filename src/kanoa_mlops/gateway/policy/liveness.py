"""Whether an engine that says it is well also works, from what it produced while requests waited for it.

Signs of life are bytes of an answer, and counters that moved, for us or for others who use the engine. How
long their absence may last follows from what was seen on 2026-11-28 (2 cores that others used too,
SmolLM2-135M, prompts of 2,300 to 8,000 tokens):

* vLLM 0.32 counts a prompt when all of it is read: for 73 s no counter moved. The share of its cache that is
  taken moved with each piece of 256 tokens, every 8 s. Until the first piece is read it says that it runs
  nothing, so that is no proof that it lost the request.
* llama.cpp b11549 counts a prompt when all of it is read, an answer when it has ended, and each pass; one of
  512 tokens took 4 to 27 s. Images are read outside of what it counts.

So where something moves with each piece of a prompt, silence for as long as the slowest piece is proof;
elsewhere only silence for as long as a whole prompt, after which the gateway gives up the request as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.gateway.counters.counters import EngineCounters

Liveness = Literal["alive", "suspicious", "stuck"]

_TOTALS = ("prompt_tokens_total", "generation_tokens_total", "requests_done_total", "steps_total")
_BY_PIECE = ("kv_cache_usage", "steps_total")
"""What moves while a long prompt is read, in one engine or the other."""


@dataclass(frozen=True)
class Sight:
    """An engine as it is seen at one time."""

    at: float
    """Seconds, of a clock that only goes forward."""
    counters: EngineCounters | None = None
    """None where it tells none, or did not tell them now."""
    in_flight: int = 0
    """Requests of ours that wait for the engine, not for a client."""
    received_bytes: int = 0
    """Of all answers so far."""


@dataclass(frozen=True)
class Bounds:
    """Seconds without a sign of life while requests wait."""

    suspicious: float = 30.0
    piece: float = 300.0
    """For a piece of a prompt: 512 tokens at 2 tokens/s, with some room."""
    prompt: float = 540.0
    """For a whole prompt; just below the 600 s after which the gateway gives a request up."""


@dataclass(frozen=True)
class Verdict:
    liveness: Liveness
    reason: str
    """In words."""


BOUNDS = Bounds()


def judge(then: Sight, now: Sight, bounds: Bounds = BOUNDS) -> Verdict:
    """What the time between two sights tells. `follow` says from which sight on."""
    if now.in_flight == 0 or then.in_flight == 0:
        return Verdict("alive", "nothing waited for it all the time")
    if shows_life(then, now):
        return Verdict("alive", "it produces")
    seconds = now.at - then.at
    if seconds >= _longest(then, now, bounds):
        return Verdict("stuck", f"it says it is well, and for {seconds:.0f} s produced nothing{_seen(now)}")
    if seconds >= bounds.suspicious:
        return Verdict("suspicious", f"for {seconds:.0f} s it produced nothing{_seen(now)}")
    return Verdict("alive", "it is waited for")


def follow(then: Sight, now: Sight) -> Sight:
    """The sight that the next one is to be compared with: the last at which there was a sign of life."""
    if shows_life(then, now) or not (then.in_flight and now.in_flight):
        return now
    # What moved before it told its counters, nobody knows.
    return now if then.counters is None and now.counters is not None else then


def shows_life(then: Sight, now: Sight) -> bool:
    """Bytes came or a counter moved. One that went back is that of an engine that began anew."""
    return now.received_bytes != then.received_bytes or _moved(then.counters, now.counters)


def _moved(then: EngineCounters | None, now: EngineCounters | None) -> bool:
    if then is None or now is None:
        return False
    names = {*_TOTALS, *_BY_PIECE}
    pairs = [(getattr(then, name), getattr(now, name)) for name in names]
    return any(before != after for before, after in pairs if None not in (before, after))


def _longest(then: Sight, now: Sight, bounds: Bounds) -> float:
    by_piece = all(_tells_pieces(sight.counters) for sight in (then, now))
    return bounds.piece if by_piece else bounds.prompt


def _tells_pieces(counters: EngineCounters | None) -> bool:
    return counters is not None and any(getattr(counters, name) is not None for name in _BY_PIECE)


def _seen(now: Sight) -> str:
    """What it is said to be busy with."""
    if now.counters is None:
        return f" for {now.in_flight} requests, nor tells its counters"
    said = "" if now.counters.running is None else f"; it says it runs {now.counters.running:.0f}"
    return f" for {now.in_flight} requests{said}"
