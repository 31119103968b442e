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
    """Bytes after the load, when every buffer has been touched. None is not known."""

    used: int | None
    """In all; not known where something lies on a card whose driver does not tell whose it is."""
    of_machine: int | None
    """Of the machine's own memory."""


@dataclass(frozen=True)
class Prediction:
    """The plan's, of one request alone."""

    decode: Estimate
    """Tokens a second."""
    first_token: Estimate
    """Seconds."""
    prompt: Prompt
    """What kind of it the time to the first token is for."""
    memory: Estimate
    """Bytes in all."""


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
    others: float | None
    """Share of all processors that other programs took meanwhile, from 0 to 1; None where none can tell."""
    version: Literal[1] = 1
    """Of the format; another one is not read."""

    def at(self, parallel: int, prompt: Prompt) -> Level | None:
        found = (each for each in self.levels if (each.parallel, each.prompt) == (parallel, prompt))
        return next(found, None)
