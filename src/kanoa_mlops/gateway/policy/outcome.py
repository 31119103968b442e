"""What a request met at a backend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Fault = Literal["connect", "late", "cut", "stalled"]
"""connect: no connection. late: nothing came in time. cut: the connection broke. stalled: no more came."""


@dataclass(frozen=True)
class Outcome:
    status: int = 0
    """HTTP status, or that of an error that came in the first event of a 200; 0 where no answer began."""
    fault: Fault | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    """The beginning of a refusal's."""

    @cached_property
    def error(self) -> Mapping[str, Any]:
        """The error object, with its text under 'message', whatever the provider's form."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {"message": self.body.decode(errors="replace")}
        if not isinstance(value, dict):
            return {"message": str(value)}
        error = value.get("error", value)
        return error if isinstance(error, dict) else {"message": str(error)}

    @property
    def message(self) -> str:
        """In the provider's words; 'detail' is what RFC 9457 calls it."""
        return str(self.error.get("message") or self.error.get("detail") or "")

    @property
    def code(self) -> str:
        return str(self.error.get("code") or self.error.get("type") or "")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """OpenRouter's: why, and the headers of the limit that was met."""
        value = self.error.get("metadata")
        return value if isinstance(value, dict) else {}

    def header(self, name: str) -> str:
        """Of the answer, or of those that OpenRouter puts into the error."""
        if name in self.headers:
            return self.headers[name]
        return {key.lower(): str(value) for key, value in self._inner_headers.items()}.get(name, "")

    @property
    def header_names(self) -> set[str]:
        return {*self.headers, *(key.lower() for key in self._inner_headers)}

    @property
    def _inner_headers(self) -> Mapping[str, Any]:
        value = self.metadata.get("headers")
        return value if isinstance(value, dict) else {}
