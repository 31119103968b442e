"""The one form of every refusal, in OpenAI's words, that also says who spoke: the gateway or the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from kanoa_mlops.gateway.http.response import Response

Source = Literal["gateway", "engine"]


class ApiError(Exception):
    """Ends a request. Before the answer began it is an HTTP response, afterwards the stream's last event."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        source: Source = "gateway",
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`details` are further fields of the error object; `headers` go with the HTTP response."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.source: Source = source
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def response(self) -> Response:
        own = {"content-type": "application/json", "x-kanoa-error-source": self.source}
        return Response(self.status, self.body, {**self.headers, **own})

    def event(self) -> bytes:
        """A server-sent event that OpenAI's clients raise as an error."""
        return b"data: " + self.body + b"\n\n"

    @property
    def body(self) -> bytes:
        """As JSON."""
        error = {
            "message": self.message,
            "type": _kind(self.status),
            "param": self.param,
            "code": self.code,
            "source": self.source,
        }
        return json.dumps({"error": error | self.details}).encode()


def _kind(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
