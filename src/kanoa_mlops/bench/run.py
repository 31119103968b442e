"""A run of `bench`: what was measured, of what, and what the plan had said."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.bench.level import Level, Prompt
from kanoa_mlops.planner.estimate import Estimate


@dataclass(frozen=True)
class Subject:
    """What was measured."""

    model: str
    weights: str
    engine: str
    engine_version: str
    machine: str
    """`Machine.key` of it, as the engine sees it."""
    context: int
    """Tokens of one request."""
    sequences: int
    """Requests worked on at once; more of them wait."""


@dataclass(frozen=True)
class Memory:
    """Bytes. None is not known."""

    planned: int
    held: int | None
    """Of the machine's memory, by the engine's processes; what lies on a card is not in it."""
    said: int | None
    """By the engine, as it says itself."""


@dataclass(frozen=True)
class Prediction:
    """The plan's, of one request alone."""

    decode: Estimate
    """Tokens a second."""
    first_token: Estimate
    """Seconds."""
    prompt: Prompt
    """What kind of it the time to the first token is for."""


@dataclass(frozen=True)
class Run:
    subject: Subject
    program: str
    """Version of kanoa-mlops."""
    date: datetime.datetime
    answer_tokens: int
    """Most that an answer could have."""
    levels: tuple[Level, ...]
    memory: Memory
    predicted: Prediction | None
    """None where no plan can be made any more."""
    version: Literal[1] = 1
    """Of the format; another one is not read."""

    def at(self, parallel: int, prompt: Prompt) -> Level | None:
        found = (each for each in self.levels if (each.parallel, each.prompt) == (parallel, prompt))
        return next(found, None)
