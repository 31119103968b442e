"""Spans on their way to a collector: one line when it does not take them, and one when it does again."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Event
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from requests import RequestException, Response, Session, Timeout

from kanoa_mlops.gateway.policy.limited import retry_after
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome

_log = logging.getLogger(__name__)
_AGAIN_SECONDS = 1.0
"""After which it is asked anew, where it does not say when; OpenTelemetry keeps to what it says for 10 s."""
_LONGEST_SECONDS = 3600.0
"""Whatever it says: a date may be years away."""
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
            if self._line.fate != _WAIT or self._ended.wait(self._line.pause):
                break
        return result

    def shutdown(self) -> None:
        self._ended.set()
        super().shutdown()  # type: ignore[no-untyped-call]


class _Line(Session):  # type: ignore[misc]
    """Sees what becomes of each try."""

    fate = ""
    """Of spans, as it was last told; nothing where they are taken."""
    pause = 0.0
    """Seconds until it is to be asked anew."""

    def request(self, method: str, url: str, **how: Any) -> Response:
        self.pause = _AGAIN_SECONDS
        try:
            answer = super().request(method, url, **how)
        except Exception as error:
            self._met(url, _reason(error, url), _DROPPED if _is_for_ever(error) else _WAIT)
            raise
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self._met(url, "", "")
        else:
            # One that is sent on elsewhere is not: OpenTelemetry takes that for an answer.
            fate = _WAIT if answer.status_code in _PASSING else _DROPPED
            self.pause = _pause(answer)
            self._met(url, f"{answer.status_code} {answer.reason}".strip(), fate)
        return answer

    def _met(self, url: str, reason: str, fate: str) -> None:
        if fate == self.fate:
            return
        self.fate = fate
        if fate:
            _log.warning("spans cannot be handed over at %s: %s; %s", _place(url), reason, fate)
        else:
            _log.warning("spans are handed over at %s again", _place(url))


def _pause(answer: Response) -> float:
    """As it says: https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    moment = Moment(time.monotonic(), datetime.now(UTC))
    until = retry_after(Outcome(answer.status_code, headers=headers), moment)
    return min((until - moment.wall).total_seconds(), _LONGEST_SECONDS) if until else _AGAIN_SECONDS


def _place(url: str) -> str:
    """Without a name and a password that may be in it."""
    scheme, found, rest = url.rpartition("://")
    return scheme + found + rest.rpartition("@")[2].partition("/")[0]


def _is_for_ever(error: Exception) -> bool:
    """It is of the address or a header, before anything was sent; requests calls these wrong values."""
    return isinstance(error, RequestException) and isinstance(error, ValueError)


def _reason(error: BaseException, url: str) -> str:
    """What the system says is the innermost of several."""
    if not url.lower().startswith(("http://", "https://")):
        return "an address begins with http:// or https://"
    if isinstance(error, Timeout):
        return "no answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__
