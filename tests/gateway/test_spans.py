"""Traces as a collector gets them: OTLP over HTTP, parsed by OpenTelemetry's own protobuf."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus
from opentelemetry.trace import get_current_span

from kanoa_mlops.cli.tracing import tracing
from kanoa_mlops.gateway.policy.backend import Price
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.spans import Spans, _within
from kanoa_mlops.gateway.trace import parent_of
from tests.fakes import provider as hub
from tests.fakes.engine import USAGE, FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import Door, OpenDoor, backend, chat
from tests.gateway.test_bursting import hosted
from tests.gateway.test_pools import free_port
from tests.gateway.test_reception import Office, office
from tests.gateway.test_reload import until

__all__ = ["office"]  # the fixture

CHAT = "/v1/chat/completions"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_HTTP_DATE = "Fri, 31 Dec 9999 23:59:59 GMT"
SECRET = "what-was-asked-is-nobodys-concern"


@dataclass
class Collector:
    """Takes what exporters send."""

    port: int = 0
    status: int = 200
    retry_after: str = ""
    bodies: list[bytes] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        self.bodies.append(await request.read())
        headers = {"retry-after": self.retry_after} if self.retry_after else {}
        return web.Response(status=self.status, headers=headers)

    @property
    def spans(self) -> list[Span]:
        parsed = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for each in parsed
            for resource in each.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> dict[str, Any]:
        parsed = ExportTraceServiceRequest.FromString(self.bodies[0])
        return values(parsed.resource_spans[0].resource)


def values(of: Any) -> dict[str, Any]:
    found = {}
    for each in of.attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = getattr(each.value, kind)
    return found


@dataclass
class Traced:
    door: Door
    collector: Collector
    traces: Spans

    async def spans(self) -> dict[str, Span]:
        """All that were made, by their names."""

        await asyncio.to_thread(self.traces.close)
        return {span.name: span for span in self.collector.spans}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as running:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = running.url
        yield running


@pytest.fixture
async def traced(collector: Collector, engine: FakeEngine, open_door: OpenDoor) -> Traced:
    traces = Spans("1.2.3")
    return Traced(await open_door(backend(engine.url, id="mine"), traces=traces), collector, traces)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_is_a_span_and_what_was_sent_its_child(traced: Traced, stream: bool) -> None:
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    assert (await traced.door.chat("hi", stream=stream, **usage)).status == 200
    spans = await traced.spans()
    request, sent = spans["chat smollm2"], spans["send mine"]
    told = values(request)
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llama.cpp",
        "gen_ai.request.model": "smollm2",
        "gen_ai.response.model": "smollm2",
        "gen_ai.usage.input_tokens": USAGE["prompt_tokens"],
        "gen_ai.usage.output_tokens": USAGE["completion_tokens"],
        "http.request.method": "POST",
        "http.route": CHAT,
        "http.response.status_code": 200,
        "kanoa.backend.id": "mine",
        "kanoa.backend.tier": "local",
        "kanoa.attempts": 1,
    }
    assert wanted.items() <= told.items()
    assert (request.kind, sent.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert (sent.trace_id, sent.parent_span_id) == (request.trace_id, request.span_id)
    assert request.parent_span_id == b""
    assert values(sent)["kanoa.outcome"] == "answered"
    assert request.start_time_unix_nano <= sent.start_time_unix_nano
    assert sent.start_time_unix_nano < sent.end_time_unix_nano <= request.end_time_unix_nano
    assert (
        traced.collector.resource.items()
        >= {
            "service.name": "kanoa-mlops",
            "service.version": "1.2.3",
        }.items()
    )


async def test_the_clients_trace_goes_on_through_the_gateway_to_the_engine(
    traced: Traced, engine: FakeEngine
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
    await traced.door.post(CHAT, chat("hi"), headers=headers)
    spans = await traced.spans()
    request, sent = spans["chat smollm2"], spans["send mine"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, SPAN)
    got = engine.received[0].headers
    assert got["traceparent"] == f"00-{TRACE}-{sent.span_id.hex()}-01"
    assert got["tracestate"] == request.trace_state == "vendor=1"


async def test_what_the_client_does_not_want_to_see_is_not_sent(traced: Traced, engine: FakeEngine) -> None:
    await traced.door.post(CHAT, chat("hi"), headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert await traced.spans() == {}
    assert engine.received[0].headers["traceparent"].endswith("-00")


async def test_nothing_said_and_no_key_is_in_it(traced: Traced) -> None:
    key = "sk-a-clients-own-key"
    await traced.door.post(CHAT, chat(SECRET), headers={"authorization": f"Bearer {key}"})
    await traced.door.post(CHAT, {**chat(SECRET), "model": SECRET})
    await traced.door.post(f"/v1/{SECRET}", {})
    assert set(await traced.spans()) == {"chat smollm2", "send mine", "chat none", "POST other"}
    for body in traced.collector.bodies:
        for secret in (SECRET, key, "engine-secret", "sales rise"):
            assert secret.encode() not in body


async def test_hosted_ones_see_nothing_of_it_and_each_attempt_is_told(
    collector: Collector, engine: FakeEngine, open_door: OpenDoor, office: Office
) -> None:
    traces = Spans("1.2.3")
    seen: list[set[str]] = []

    class Watching(FakeProvider):
        async def _handle(self, request: web.Request) -> web.StreamResponse:
            seen.append({name.lower() for name in request.headers})
            return await super()._handle(request)

    async with Watching(credit_micro=0) as poor, Watching() as rich:
        desk = Reception(office.books, False, Purse(office.books))
        beyond = hosted(poor, id="poor", price=Price(Decimal(0), Decimal("0.01"))), hosted(rich, id="rich")
        door = await open_door(backend(engine.url), *beyond, reception=desk, traces=traces)
        answer = await door.post(
            CHAT,
            chat("hi", max_tokens=10),
            headers={"x-kanoa-burst": "require", "traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=b"},
        )
    assert (answer.status, answer.headers["x-kanoa-backend"]) == (200, "rich")
    assert len(seen) == 2
    assert not any({"traceparent", "tracestate"} & each for each in seen)
    spans = await Traced(door, collector, traces).spans()
    request = spans["chat smollm2"]
    assert values(request)["kanoa.attempts"] == 2
    assert request.status.code == SpanStatus.STATUS_CODE_UNSET
    first, second = spans["send poor"], spans["send rich"]
    assert [values(each)["kanoa.outcome"] for each in (first, second)] == ["402", "answered"]
    assert first.status.code == SpanStatus.STATUS_CODE_ERROR
    assert first.end_time_unix_nano <= second.start_time_unix_nano
    assert {each.parent_span_id for each in (first, second)} == {request.span_id}
    assert hub.KEY.encode() not in b"".join(collector.bodies)


async def test_a_failure_is_one_by_a_name_of_few(traced: Traced) -> None:
    assert (await traced.door.chat("hi", model="nobody")).status == 404
    spans = await traced.spans()
    request = spans["chat none"]
    assert request.status.code == SpanStatus.STATUS_CODE_ERROR
    assert request.status.message == ""
    assert values(request)["error.type"] == "model_not_found"


async def test_probes_are_no_spans(traced: Traced) -> None:
    for path in ("/health", "/metrics", "/status", "/"):
        await traced.door.get(path)
    assert await traced.spans() == {}


def test_a_name_of_the_owners_own_counts(collector: Collector) -> None:
    os.environ |= {"OTEL_SERVICE_NAME": "lab", "OTEL_RESOURCE_ATTRIBUTES": "room=1"}
    found = Spans("1")._provider.resource.attributes
    assert (found["service.name"], found["room"], found["service.version"]) == ("lab", "1", "1")


async def test_a_collector_that_is_not_there_holds_up_nobody(engine: FakeEngine, open_door: OpenDoor) -> None:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    with tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        assert (await door.chat("hi")).status == 200


async def test_a_collector_that_goes_and_comes_back_is_two_lines_and_loses_nothing(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    """From nothing to one that is busy, to one that takes them; in the words of nobody else."""
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://u:p@127.0.0.1:{free_port()}"}
    # Shorter than any pause of OpenTelemetry's own: it gives up at once what is lost where nobody holds it.
    os.environ |= {"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.3"}
    where = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"].replace("u:p@", "")
    with caplog.at_level(logging.INFO), tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        assert (await door.chat("hi")).status == 200
        await until(lambda: bool(of_spans(caplog)))
        async with Collector(int(where.rpartition(":")[2])) as collector:
            await until(lambda: len(of_spans(caplog)) == 2)
            assert {"chat smollm2"} <= {span.name for span in collector.spans}
    away, back = of_spans(caplog)
    assert away == (
        f"spans cannot be handed over at {where}: connection refused; "
        "they wait, the newest of them, until it takes them or the gateway ends"
    )
    assert back == f"spans are handed over at {where} again"
    assert not [each for each in caplog.records if each.name.startswith(("opentelemetry", "urllib3"))]


async def test_one_that_never_comes_leaves_one_line(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with caplog.at_level(logging.INFO), tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        assert (await door.chat("hi")).status == 200
    assert len(of_spans(caplog)) == 1
    assert not [each for each in caplog.records if each.name.startswith(("opentelemetry", "urllib3"))]


@pytest.mark.parametrize(
    ("said", "otherwise", "again"),
    [("1", 3600.0, True), ("3600", 0.01, False), (_HTTP_DATE, 0.01, False), ("soon", 0.01, True)],
)
async def test_it_is_asked_again_when_it_says_and_no_sooner(
    collector: Collector,
    engine: FakeEngine,
    open_door: OpenDoor,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    otherwise: float,
    again: bool,
) -> None:
    """Where it says nothing that can be read, after a while of our own."""
    monkeypatch.setattr("kanoa_mlops.gateway.handover._AGAIN_SECONDS", otherwise)
    os.environ |= {"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.3"}
    collector.status, collector.retry_after = 429, said
    with tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        assert (await door.chat("hi")).status == 200
        await until(lambda: bool(collector.bodies))
        if again:
            await until(lambda: len(collector.bodies) > 1)
        else:
            await asyncio.sleep(1)  # long enough for many times more
            assert len(collector.bodies) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "301 Moved Permanently"])
async def test_what_a_collector_does_not_want_is_not_held(
    collector: Collector,
    engine: FakeEngine,
    open_door: OpenDoor,
    caplog: pytest.LogCaptureFixture,
    status: str,
) -> None:
    """Nor what is sent somewhere else by what stands before it: OpenTelemetry goes nowhere else."""
    os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "20"
    collector.status = int(status[:3])
    with caplog.at_level(logging.INFO), tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        for number in (1, 2):
            assert (await door.chat("hi")).status == 200
            await until(lambda number=number: len(collector.bodies) == number)  # type: ignore[misc]
    [line] = of_spans(caplog)
    assert line == f"spans cannot be handed over at {collector.url}: {status}; they are dropped"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("collector", "collector: an address begins with http:// or https://"),
        ("u:secret@127.0.0.1:4318", "127.0.0.1:4318: an address begins with http:// or https://"),
        ("http://u:secret@", "http://: InvalidURL"),
    ],
)
async def test_where_nothing_can_be_sent_to_is_told_and_nothing_waits(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture, address: str, told: str
) -> None:
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "20"}
    with caplog.at_level(logging.INFO), tracing(os.environ) as traces:
        door = await open_door(backend(engine.url), traces=traces)
        assert (await door.chat("hi")).status == 200
        await until(lambda: bool(of_spans(caplog)))
    assert of_spans(caplog) == [f"spans cannot be handed over at {told}; they are dropped"]


def of_spans(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "kanoa_mlops.gateway.handover"]


def test_where_nobody_wants_traces_nothing_is_imported() -> None:
    program = (
        "import sys\n"
        "import kanoa_mlops.cli.door, kanoa_mlops.cli.gateway\n"
        "from kanoa_mlops.cli.tracing import tracing\n"
        "with tracing({'OTEL_SERVICE_NAME': 'x'}) as traces:\n"
        "    assert traces is None\n"
        "for off in ({'OTEL_SDK_DISABLED': 'true'}, {'OTEL_TRACES_EXPORTER': 'none'}):\n"
        "    with tracing({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://a', **off}) as traces:\n"
        "        assert traces is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_where_the_extra_is_missing_one_line_says_so(
    variable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "kanoa_mlops.gateway.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as if it were not installed
    with caplog.at_level(logging.INFO), tracing({variable: "http://127.0.0.1:4318"}) as traces:
        assert traces is None
    [line] = caplog.messages
    assert line.startswith(f"{variable} is set")
    assert "kanoa-mlops[otel]" in line


@pytest.mark.parametrize(
    "given_",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_trace_of_our_own(given_: str) -> None:
    assert parent_of({"traceparent": given_}) is None


def test_a_later_version_is_understood_as_far_as_this_one() -> None:
    found = parent_of({"traceparent": f"cc-{TRACE}-{SPAN}-01-what-the-future-brings"})
    assert found is not None
    assert (found.trace, found.span, found.sampled) == (TRACE, SPAN, True)


@given(st.text(), st.text())
def test_whatever_comes_nothing_breaks(parent: str, state: str) -> None:
    assert parent_of({"traceparent": parent, "tracestate": state}) is None
    found = parent_of({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": state})
    assert found is not None
    assert get_current_span(_within(found)).get_span_context().trace_id == int(TRACE, 16)
