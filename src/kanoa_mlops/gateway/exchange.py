"""What happened in one request, gathered as it runs: for the headers, the log line and the metrics."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.figure_notes import NO_FIGURES, FigureNotes
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.http.response import Stream
from kanoa_mlops.gateway.inflight import Patience
from kanoa_mlops.gateway.usage import Usage

CLIENT_LEFT = 499  # what nginx notes for a client that closed the connection
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass
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
    backend: Backend | None = None
    figures: FigureNotes = NO_FIGURES
    usage: Usage | None = None
    pieces: int = 0
    """Of the answer, where the engine did not count; about as many as tokens."""
    held_seconds: float = 0.0
    """Spent waiting for a model to be loaded."""
    first_byte_seconds: float | None = None
    stream: Stream | None = None
    """The stream, once its head has gone out."""
    status: int = 0
    """What it came to; for a stream that failed under way, the status the failure would have had."""
    error: ApiError | None = None

    @property
    def model(self) -> str:
        """The served name; what a client made up never gets into a log or a label."""
        return self.backend.model if self.backend else "none"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        headers = {"x-request-id": self.request_id}
        if self.backend:
            headers |= {"x-kanoa-backend": self.backend.engine, "x-kanoa-model": self.backend.model}
        return headers | self.figures.headers

    def first_byte(self) -> None:
        if self.first_byte_seconds is None:
            self.first_byte_seconds = self.seconds

    def fail(self, error: ApiError) -> None:
        self.status, self.error = error.status, error


def request_id(given: str) -> str:
    """The client's own id where it is fit for a header and a log, else a new one."""
    return given if _SANE_ID.fullmatch(given) else f"req-{os.urandom(16).hex()}"


def log_line(exchange: Exchange) -> str:
    """One request in `key=value`; never anything that was said in it."""
    values: dict[str, object] = {
        "id": exchange.request_id,
        "method": exchange.method,
        "route": exchange.route,
        "model": exchange.model,
        "status": exchange.status,
        "seconds": f"{exchange.seconds:.3f}",
    }
    if exchange.held_seconds >= 0.001:
        values["held_seconds"] = f"{exchange.held_seconds:.3f}"
    if exchange.first_byte_seconds is not None:
        values["first_byte_seconds"] = f"{exchange.first_byte_seconds:.3f}"
    if exchange.usage:
        values["prompt_tokens"] = exchange.usage.prompt_tokens
        values["completion_tokens"] = exchange.usage.completion_tokens
    if exchange.figures.way:
        values["figure"] = exchange.figures.way.replace(", ", "+")
    if exchange.figures.model:
        values["figure_model"] = exchange.figures.model
    if exchange.error:
        values["error"] = exchange.error.code
        values["source"] = exchange.error.source
    return "request " + " ".join(f"{key}={value}" for key, value in values.items())
