"""Requests as spans that are sent to a collector by OTLP; never anything that was said in them, nor a key.

Names: https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md, and of HTTP
servers; `kanoa.` is our own. A request's span and its children are made when it has ended, from what the
exchange noted: nothing of OpenTelemetry is on the way of a request but the decision whether it is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread

from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.handover import Handover
from kanoa_mlops.gateway.operation import error_type, operated, operation_of
from kanoa_mlops.gateway.routes import PROBES
from kanoa_mlops.gateway.trace import Attempt, Parent, Trace, new_span, new_trace, parent_of

_NAME = "kanoa-mlops"
_SHORTEST_WAIT = 0.001  # seconds
_CLOSE_SECONDS = 3.0
Attributes = dict[str, str | bool | int | float]


class Spans:
    """`Traces`, as OpenTelemetry's own variables of the environment say: where to, how many, by what name."""

    def __init__(self, version: str) -> None:
        self._ids = _Ids()
        self._exporter = Handover()
        own = Resource.create({SERVICE_NAME: _NAME, SERVICE_VERSION: version})
        self._provider = TracerProvider(
            resource=own.merge(OTELResourceDetector().detect()),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(_NAME, version)

    def begin(self, headers: Mapping[str, str]) -> Trace:
        parent = parent_of(headers)
        id = parent.trace if parent else new_trace()
        sampler = self._provider.sampler
        decided = sampler.should_sample(_within(parent), int(id, 16), "request", SpanKind.SERVER)
        return Trace(id, new_span(), decided.decision is Decision.RECORD_AND_SAMPLE, parent)

    def ended(self, exchange: Exchange) -> None:
        trace = exchange.trace
        if trace is None or not trace.sampled or exchange.route in PROBES:
            return
        end = exchange.began + exchange.seconds
        self._ids.next(trace.id, trace.span)
        request = self._tracer.start_span(
            _name(exchange),
            _within(trace.parent),
            SpanKind.SERVER,
            _attributes(exchange),
            start_time=_time(exchange, exchange.began),
        )
        _fail(request, error_type(exchange))
        inside = set_span_in_context(request)
        if exchange.queue_seconds >= _SHORTEST_WAIT:
            sent = trace.attempts[0].began if trace.attempts else end
            waited = _time(exchange, sent - exchange.queue_seconds)
            self._tracer.start_span("queue", inside, start_time=waited).end(_time(exchange, sent))
        for attempt in trace.attempts:
            self._ids.next(trace.id, attempt.span)
            self._attempt(exchange, attempt, inside).end(_time(exchange, attempt.ended or end))
        request.end(_time(exchange, end))

    def close(self) -> None:
        """Send what is left; not for ever, where nobody takes it."""
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            self._exporter.shutdown()

    def _attempt(self, exchange: Exchange, attempt: Attempt, inside: Context) -> Span:
        failure = attempt.failure or error_type(exchange) * (attempt.ended is None)
        span = self._tracer.start_span(
            f"send {attempt.backend.id}",
            inside,
            SpanKind.CLIENT,
            {
                "kanoa.backend.id": attempt.backend.id,
                "kanoa.backend.tier": attempt.backend.tier,
                "kanoa.outcome": failure or "answered",
                "gen_ai.request.model": attempt.backend.engine_model,
            },
            start_time=_time(exchange, attempt.began),
        )
        _fail(span, failure)
        return span


class _Ids(RandomIdGenerator):
    """Random, but for the next span where somebody knows its ids already."""

    def __init__(self) -> None:
        self._trace = self._span = 0

    def next(self, trace: str, span: str) -> None:
        self._trace, self._span = int(trace, 16), int(span, 16)

    def generate_trace_id(self) -> int:
        id, self._trace = self._trace, 0
        return id or super().generate_trace_id()

    def generate_span_id(self) -> int:
        id, self._span = self._span, 0
        return id or super().generate_span_id()


def _within(parent: Parent | None) -> Context:
    if parent is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    state = TraceState.from_header([parent.state]) if parent.state else None
    return set_span_in_context(
        NonRecordingSpan(SpanContext(int(parent.trace, 16), int(parent.span, 16), True, flags, state)),
        Context(),
    )


def _name(exchange: Exchange) -> str:
    operation = operation_of(exchange.route)
    return f"{operation} {exchange.model}" if operation else f"{exchange.method} {exchange.route}"


def _attributes(exchange: Exchange) -> Attributes:
    found: Attributes = {
        "http.request.method": exchange.method,
        "http.route": exchange.route,
        "http.response.status_code": exchange.status,
        "kanoa.request.id": exchange.request_id,
        "kanoa.attempts": exchange.attempts,
    }
    if exchange.first_byte_seconds is not None:
        found["kanoa.first_byte_seconds"] = exchange.first_byte_seconds
    if exchange.held_seconds:
        found["kanoa.load_wait_seconds"] = exchange.held_seconds
    return found | _of_the_model(exchange) | _of_the_answer(exchange)


def _of_the_model(exchange: Exchange) -> Attributes:
    found: Attributes = {}
    operation = operation_of(exchange.route)
    if operation:
        found["gen_ai.operation.name"] = operation
    if exchange.model != "none":
        found["gen_ai.request.model"] = exchange.model
    if exchange.backend:
        found["kanoa.backend.id"] = exchange.backend.id
        found["kanoa.backend.tier"] = exchange.backend.tier
        if operation:
            found["gen_ai.provider.name"] = operated(operation, exchange.backend).provider
    return found


def _of_the_answer(exchange: Exchange) -> Attributes:
    found: Attributes = {}
    if exchange.backend and not exchange.error:
        found["gen_ai.response.model"] = exchange.backend.engine_model
    if exchange.usage:
        found["gen_ai.usage.input_tokens"] = exchange.usage.prompt_tokens
        found["gen_ai.usage.output_tokens"] = exchange.usage.completion_tokens
    return found


def _fail(span: Span, failure: str) -> None:
    if failure:
        span.set_attribute("error.type", failure)
        span.set_status(Status(StatusCode.ERROR))


def _time(exchange: Exchange, moment: float) -> int:
    """Nanoseconds of the wall clock."""
    return int((exchange.at + moment - exchange.began) * 1e9)
