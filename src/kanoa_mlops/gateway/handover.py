"""Spans on their way to a collector: one line when it does not take them, and one when it does again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from requests import PreparedRequest, Response, Session, Timeout

_log = logging.getLogger(__name__)
_AGAIN_SECONDS = 1.0
_PASSING = frozenset((429, 502, 503, 504))
"""https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes, read 2026-11-28."""
_WAIT = "they wait, the newest of them, until it takes them or the gateway ends"
_DROPPED = "they are dropped"
_THEIRS = ("opentelemetry.exporter", "opentelemetry.sdk.trace.export", "opentelemetry.sdk._shared_internal")
"""Who would log each try in words of its own, and each span that finds no room while it waits."""


class Handover(OTLPSpanExporter):
    """Holds what is not taken now until it is. What comes meanwhile waits in the queue before it."""

    def __init__(self) -> None:
        self._line = _Line()
        self._ended = Event()
        super().__init__(session=self._line)
        for name in _THEIRS:
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        while (result := super().export(spans)) is not SpanExportResult.SUCCESS:
            if self._line.fate != _WAIT or self._ended.wait(_AGAIN_SECONDS):
                break
        return result

    def shutdown(self) -> None:
        self._ended.set()
        super().shutdown()  # type: ignore[no-untyped-call]


class _Line(Session):  # type: ignore[misc]
    """Sees what becomes of each try."""

    fate = ""
    """Of spans, as it was last told; nothing where they are taken."""

    def send(self, request: PreparedRequest, **how: Any) -> Response:
        try:
            answer = super().send(request, **how)
        except Exception as error:
            self._met(request, _reason(error), _WAIT)
            raise
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            self._met(request, "", "")
        else:
            fate = _WAIT if answer.status_code in _PASSING else _DROPPED
            self._met(request, f"{answer.status_code} {answer.reason}".strip(), fate)
        return answer

    def _met(self, request: PreparedRequest, reason: str, fate: str) -> None:
        if fate == self.fate:
            return
        self.fate = fate
        if fate:
            _log.warning("spans cannot be handed over at %s: %s; %s", _place(request), reason, fate)
        else:
            _log.warning("spans are handed over at %s again", _place(request))


def _place(request: PreparedRequest) -> str:
    """Without a name and a password that may be in it."""
    address = urlsplit(request.url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def _reason(error: BaseException) -> str:
    """What the system says is the innermost of several."""
    if isinstance(error, Timeout):
        return "no answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__
