"""A request as a part of a trace: whose it is, and where it was sent; https://www.w3.org/TR/trace-context-1/."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.policy.outcome import Outcome

if TYPE_CHECKING:
    from kanoa_mlops.gateway.exchange import Exchange

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NEVER = "ff"  # as a version
_SAMPLED = 1
_LONGEST_STATE = 512  # characters, by the specification


@dataclass(frozen=True)
class Parent:
    """The client's own span. Ids are in hex."""

    trace: str
    span: str
    sampled: bool
    state: str = ""
    """What tracers on the way note for themselves; it goes on as it came."""


@dataclass
class Attempt:
    """One backend that the request was sent to."""

    backend: Backend
    span: str
    """Its id."""
    began: float
    """By the clock of the exchange."""
    ended: float | None = None
    """Where it failed before the request had its end."""
    failure: str = ""
    """A code of few values."""


@dataclass
class Trace:
    id: str
    span: str
    """Of the request here."""
    sampled: bool
    """Somebody wants to see it."""
    parent: Parent | None = None
    attempts: list[Attempt] = field(default_factory=list)

    def sent(self, backend: Backend) -> None:
        self.attempts.append(Attempt(backend, new_span(), time.monotonic()))

    def failed(self, error: ApiError, met: Outcome | None) -> None:
        """There; it may be sent elsewhere.

        Args:
            met: what the backend itself answered, where that was an answer.
        """
        self.attempts[-1].ended = time.monotonic()
        self.attempts[-1].failure = str(met.status) if met else failure_of(error)

    @property
    def headers(self) -> Mapping[str, str]:
        """For the engine that it is sent to now, if that is one of the owner's."""
        flags = _SAMPLED if self.sampled else 0
        headers = {"traceparent": f"00-{self.id}-{self.attempts[-1].span}-{flags:02x}"}
        if self.parent and self.parent.state:
            headers["tracestate"] = self.parent.state
        return headers


class Traces(Protocol):
    """Who is told of requests. Joined to the gateway at start, where anybody wants traces."""

    def begin(self, headers: Mapping[str, str]) -> Trace:
        """A request is here, with these headers, whose names are in lower case."""

    def ended(self, exchange: Exchange) -> None:
        """All of it is known."""


def parent_of(headers: Mapping[str, str]) -> Parent | None:
    """What the client says of its own; None where that is nothing, or not understood."""
    found = _PARENT.fullmatch(headers.get("traceparent", "").strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _NEVER or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    state = headers.get("tracestate", "").strip()
    if len(state) > _LONGEST_STATE or not state.isascii():
        state = ""
    return Parent(trace, span, bool(int(flags, 16) & _SAMPLED), state)


def failure_of(error: ApiError) -> str:
    """Of few values: an engine may call its errors what it likes, and say anything in them."""
    return error.code if error.source == "gateway" else str(error.status)


def new_trace() -> str:
    return os.urandom(16).hex()


def new_span() -> str:
    return os.urandom(8).hex()
