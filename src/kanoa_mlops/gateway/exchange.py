"""What happened in one request, gathered as it runs: for the headers, the log line and the metrics."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.books.money import MICRO, cost
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.figure_notes import NO_FIGURES, FigureNotes
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.http.response import Stream
from kanoa_mlops.gateway.inflight import Patience
from kanoa_mlops.gateway.policy.decision import Why
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.trace import Trace
from kanoa_mlops.gateway.usage import Step, Usage

if TYPE_CHECKING:
    from kanoa_mlops.gateway.grounded.grounds import Grounds

CLIENT_LEFT = 499  # what nginx notes for a client that closed the connection
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(slots=True)  # a dict of so many fields takes 1.5 kB, and every open stream has one
class Exchange:
    request_id: str
    method: str
    route: str
    patience: Patience
    began: float = field(default_factory=time.monotonic)
    at: float = field(default_factory=time.time)
    """Wall time, when it came."""
    own_id: str = field(default_factory=lambda: os.urandom(12).hex())
    """The ledger's; a client may send the same `request_id` twice."""
    guest: Guest | None = None
    """Whose it is, once they were let in."""
    model: str = "none"
    """The served name; what a client made up never gets into a log or a label."""
    backend: Backend | None = None
    why: Why | None = None
    """Why it was this backend."""
    attempts: int = 0
    """Backends it was sent to."""
    met: Outcome | None = None
    """What it met at the backend, where that was an answer that is none."""
    prompt_tokens: int = 0
    """Estimated, for an answer that is cut before anybody counts."""
    reservation: Reservation | None = None
    """What was set aside for it."""
    figures: FigureNotes = NO_FIGURES
    grounds: Grounds | None = None
    """What the answer stands on, where documents were asked for."""
    steps: tuple[Step, ...] = ()
    """What models did for it before the last was asked, beside its figures."""
    usage: Usage | None = None
    pieces: int = 0
    """Of the answer, where the engine did not count; about as many as tokens."""
    body_bytes: int = 0
    """Of the request."""
    read_at: float | None = None
    """When all of the request was here, by the clock of `began`."""
    queue_seconds: float = 0.0
    """Spent waiting for a backend."""
    held_seconds: float = 0.0
    """Spent waiting for a model to be loaded."""
    engine_seconds: float = 0.0
    """From sending to the first byte."""
    first_byte_seconds: float | None = None
    begun: bool = False
    """The client has something of what was asked for last; a model may be asked several times."""
    trace: Trace | None = None
    """Where anybody wants to see it."""
    stream: Stream | None = None
    """The stream, once its head has gone out."""
    status: int = 0
    """What it came to; for a stream that failed under way, the status the failure would have had."""
    error: ApiError | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        headers = {"x-request-id": self.request_id}
        if backend := self.backend:
            headers["x-kanoa-model"] = backend.model
            headers["x-kanoa-backend"] = backend.id
            headers["x-kanoa-engine"] = backend.engine
            headers["x-kanoa-tier"] = backend.tier
            headers["x-kanoa-attempts"] = str(self.attempts)
            headers["x-kanoa-queue-ms"] = str(round((self.queue_seconds + self.held_seconds) * 1000))
            headers["x-kanoa-overhead-ms"] = f"{self.overhead_seconds * 1000:.1f}"
            headers |= self._cost
        if self.grounds and self.grounds.settled:
            headers["x-grounding-status"] = self.grounds.status
        return headers if self.figures is NO_FIGURES else headers | self.figures.headers

    @property
    def all_steps(self) -> tuple[Step, ...]:
        return (*self.steps, *self.figures.steps)

    @property
    def overhead_seconds(self) -> float:
        """Since all of the request was here, what was neither waiting nor the engine's."""
        if self.read_at is None:
            return 0.0
        until = self.began + self.first_byte_seconds if self.first_byte_seconds else time.monotonic()
        waited = self.queue_seconds + self.held_seconds + self.engine_seconds
        return max(0.0, until - self.read_at - waited)

    @property
    def micro(self) -> int:
        """What it cost in micro-dollars, as far as it is known by now."""
        grant = self.backend.grant if self.backend else None
        if grant is None or self.reservation is None:
            return 0
        usage = self.usage or Usage(self.prompt_tokens, self.pieces)
        return cost(
            usage.prompt_tokens,
            usage.completion_tokens,
            prompt_price=grant.price.prompt,
            completion_price=grant.price.answer,
        )

    @property
    def _cost(self) -> dict[str, str]:
        if self.reservation is None:
            return {"x-kanoa-cost-usd": "0"}
        if self.usage:
            return {"x-kanoa-cost-usd": f"{self.micro / MICRO:.6f}"}
        # Of a stream it is known when the last token is counted; the ledger has it.
        return {"x-kanoa-cost-usd-at-most": f"{self.reservation.micro / MICRO:.6f}"}

    def first_byte(self) -> None:
        self.begun = True
        if self.first_byte_seconds is None:
            self.first_byte_seconds = self.seconds

    def fail(self, error: ApiError) -> None:
        self.status, self.error = error.status, error


def request_id(given: str) -> str:
    """The client's own id where it is fit for a header and a log, else a new one."""
    return given if _SANE_ID.fullmatch(given) else f"req-{os.urandom(16).hex()}"


def log_line(exchange: Exchange) -> str:
    """One request in `key=value`; never anything that was said in it."""
    backend = exchange.backend.id if exchange.backend else "none"
    line = (
        f"request id={exchange.request_id} method={exchange.method} route={exchange.route} "
        f"model={exchange.model} backend={backend} status={exchange.status} seconds={exchange.seconds:.3f}"
    )
    if exchange.attempts > 1:
        line += f" attempts={exchange.attempts}"
    if exchange.queue_seconds >= 0.001:
        line += f" queue_seconds={exchange.queue_seconds:.3f}"
    if exchange.reservation:
        line += f" why={exchange.why} cost_usd={exchange.micro / MICRO:.6f}"
    if exchange.held_seconds >= 0.001:
        line += f" held_seconds={exchange.held_seconds:.3f}"
    if exchange.first_byte_seconds is not None:
        line += f" first_byte_seconds={exchange.first_byte_seconds:.3f}"
    if usage := exchange.usage:
        line += f" prompt_tokens={usage.prompt_tokens} completion_tokens={usage.completion_tokens}"
    if exchange.figures.way:
        line += f" figure={exchange.figures.way.replace(', ', '+')}"
    if exchange.figures.model:
        line += f" figure_model={exchange.figures.model}"
    if exchange.grounds:
        line += f" grounding={exchange.grounds.status}"
    if exchange.error:
        line += f" error={exchange.error.code} source={exchange.error.source}"
    return line
