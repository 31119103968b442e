"""Every fault and what was seen of it, alone, beside a healthy engine, and where answers cost money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.faults.scenes import (
    DAY,
    Scene,
    clock_jumps,
    dead_port,
    disk_full,
    engine_does,
    killed_under_streams,
    left,
    left_while_queued,
    slow_upload,
    unread,
)
from tests.gateway.faults.seen import Seen, answered, broken_off, dropped, gone, refused
from tests.gateway.faults.stage import Setting


@dataclass(frozen=True)
class Fault:
    what: str
    play: Scene
    alone: Seen
    beside: Seen
    paid: Seen | None
    """None where it cannot happen."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Of the gateway, shorter than they come."""

    def seen(self, setting: Setting) -> Seen | None:
        return {"alone": self.alone, "beside": self.beside, "paid": self.paid}[setting]


_SMALL = {"max_event_bytes": 10**6, "max_answer_bytes": 10**6}
_SHORT = {"first_byte_seconds": 0.5, "idle_seconds": 0.5}

FAULTS = (
    Fault(
        "dead port",
        dead_port,
        refused(502, "engine_unreachable", 0, booked="502 first 0+0"),
        answered(0, 1, booked="200 second 7+4"),
        answered(0, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "503",
        engine_does("unavailable", stream=False),
        refused(503, "engine_error", 1, booked="503 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        answered(1, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "503, chunked",
        engine_does("unavailable, chunked", stream=True),
        refused(503, "engine_error", 1, booked="503 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        answered(1, 1, booked="200 second 7+4 6 µ$", last="[DONE]"),
    ),
    Fault(
        "503, loading, Retry-After 7",
        engine_does("busy", stream=False),
        refused(503, "unavailable_error", 1, booked="503 first 0+0", retry_after="7"),
        answered(1, 1, booked="200 second 7+4"),
        answered(1, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "429, Retry-After 7",
        engine_does("limited", stream=False),
        refused(429, "rate_limit_exceeded", 1, booked="429 first 0+0", retry_after="7"),
        answered(1, 1, booked="200 second 7+4"),
        answered(1, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "402",
        engine_does("unpaid", stream=False),
        refused(503, "backend_exhausted", 1, booked="503 first 0+0", retry_after="later"),
        answered(1, 1, booked="200 second 7+4"),
        answered(1, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "401",
        engine_does("unauthorized", stream=False),
        refused(502, "engine_refused_gateway", 1, booked="502 first 0+0"),
        refused(502, "engine_refused_gateway", 1, 0, booked="502 first 0+0"),
        refused(502, "engine_refused_gateway", 1, 0, booked="502 first 0+0"),
    ),
    Fault(
        "500, a page",
        engine_does("broken page", stream=False),
        refused(500, "engine_error", 1, booked="500 first 0+0"),
        refused(500, "engine_error", 1, 0, booked="500 first 0+0"),
        refused(500, "engine_error", 1, 0, booked="500 first 0+0"),
    ),
    Fault(
        "200, then an error event",
        engine_does("error event first", stream=True),
        refused(503, "engine_error", 1, booked="503 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        answered(1, 1, booked="200 second 7+4 6 µ$", last="[DONE]"),
    ),
    Fault(
        "200, whole, which is an error",
        engine_does("error with 200", stream=False),
        refused(502, "engine_error", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        answered(1, 1, booked="200 second 7+4 6 µ$"),
    ),
    Fault(
        "error event mid-stream",
        engine_does("error event later", stream=True),
        broken_off("server_error", 1, booked="500 first ~26+1"),
        broken_off("server_error", 1, 0, booked="500 first ~26+1"),
        broken_off("server_error", 1, 0, booked="500 first ~26+1 2 µ$"),
    ),
    Fault(
        "context full mid-stream",
        engine_does("too long later", stream=True),
        broken_off("context_length_exceeded", 1, booked="400 first ~26+1"),
        broken_off("context_length_exceeded", 1, 0, booked="400 first ~26+1"),
        broken_off("context_length_exceeded", 1, 0, booked="400 first ~26+1 2 µ$"),
    ),
    Fault(
        "wrong JSON",
        engine_does("wrong json", stream=False),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
    ),
    Fault(
        "wrong JSON for a stream",
        engine_does("wrong json", stream=True),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
    ),
    Fault(
        "wrong JSON mid-stream",
        engine_does("wrong event", stream=True),
        answered(1, booked="200 first ~26+1", said="The[no JSON]", last="[DONE]"),
        answered(1, 0, booked="200 first ~26+1", said="The[no JSON]", last="[DONE]"),
        answered(1, 0, booked="200 first ~26+1 2 µ$", said="The[no JSON]", last="[DONE]"),
    ),
    Fault(
        "a whole answer without end",
        engine_does("answer without end", stream=False),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
        _SMALL,
    ),
    Fault(
        "the same for a stream",
        engine_does("answer without end", stream=True),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
        _SMALL,
    ),
    Fault(
        "a stream of comments without end",
        engine_does("comment forever", stream=True),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
        _SMALL,
    ),
    Fault(
        "a first event without end",
        engine_does("event without end", stream=True),
        refused(502, "engine_bad_answer", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(502, "engine_bad_answer", 1, 0, booked="502 first ~26+0 2 µ$"),
        _SMALL,
    ),
    Fault(
        "an event without end mid-stream",
        engine_does("event without end later", stream=True),
        broken_off("engine_bad_answer", 1, booked="502 first ~26+1"),
        broken_off("engine_bad_answer", 1, 0, booked="502 first ~26+1"),
        broken_off("engine_bad_answer", 1, 0, booked="502 first ~26+1 2 µ$"),
        _SMALL,
    ),
    Fault(
        "stall before headers",
        engine_does("stall before headers", stream=False),
        refused(504, "engine_timeout", 1, booked="504 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        refused(504, "engine_timeout", 1, 0, booked="504 first ~26+0 2 µ$"),
        _SHORT,
    ),
    Fault(
        "stall after headers",
        engine_does("stall after headers", stream=True),
        refused(504, "engine_timeout", 1, booked="504 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(504, "engine_timeout", 1, 0, booked="504 first ~26+0 2 µ$"),
        _SHORT,
    ),
    Fault(
        "stall mid-stream",
        engine_does("stall mid-stream", stream=True),
        broken_off("engine_stalled", 1, booked="504 first ~26+1"),
        broken_off("engine_stalled", 1, 0, booked="504 first ~26+1"),
        broken_off("engine_stalled", 1, 0, booked="504 first ~26+1 2 µ$"),
        _SHORT,
    ),
    Fault(
        "cut before headers",
        engine_does("cut before headers", stream=False),
        refused(502, "engine_ended", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        refused(502, "engine_ended", 1, 0, booked="502 first ~26+0 2 µ$"),
    ),
    Fault(
        "cut after headers",
        engine_does("cut after headers", stream=True),
        refused(502, "engine_stream_cut", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second ~26+4", last="[DONE]"),
        refused(502, "engine_stream_cut", 1, 0, booked="502 first ~26+0 2 µ$"),
    ),
    Fault(
        "cut mid-JSON",
        engine_does("cut mid-json", stream=False),
        refused(502, "engine_stream_cut", 1, booked="502 first 0+0"),
        answered(1, 1, booked="200 second 7+4"),
        refused(502, "engine_stream_cut", 1, 0, booked="502 first ~26+0 2 µ$"),
    ),
    Fault(
        "cut mid-stream",
        engine_does("cut mid-event", stream=True),
        broken_off("engine_stream_cut", 1, booked="502 first ~26+1"),
        broken_off("engine_stream_cut", 1, 0, booked="502 first ~26+1"),
        broken_off("engine_stream_cut", 1, 0, booked="502 first ~26+1 2 µ$"),
    ),
    Fault(
        "stream without [DONE]",
        engine_does("end without done", stream=True),
        broken_off("engine_stream_cut", 1, booked="502 first ~26+1"),
        broken_off("engine_stream_cut", 1, 0, booked="502 first ~26+1"),
        broken_off("engine_stream_cut", 1, 0, booked="502 first ~26+1 2 µ$"),
    ),
    Fault(
        "slow upload",
        slow_upload,
        refused(408, "request_stalled", 0, booked="408 nobody 0+0"),
        refused(408, "request_stalled", 0, 0, booked="408 nobody 0+0"),
        refused(408, "request_stalled", 0, 0, booked="408 nobody 0+0"),
        _SHORT,
    ),
    Fault(
        "client leaves while queued",
        left_while_queued,
        gone(1, booked=("499 nobody 0+0", "499 first ~26+1"), times=2),
        gone(1, 1, booked=("499 nobody 0+0", "499 first ~26+1", "499 second ~26+1"), times=3),
        None,
    ),
    Fault(
        "client leaves before the first byte",
        left("stall before headers", stream=False),
        gone(1, booked=("499 first 0+0",)),
        gone(1, 0, booked=("499 first 0+0",)),
        gone(1, 0, booked=("499 first ~26+0 2 µ$",)),
    ),
    Fault(
        "client leaves mid-stream",
        left("stall mid-stream", stream=True),
        gone(1, booked=("499 first ~26+1",)),
        gone(1, 0, booked=("499 first ~26+1",)),
        gone(1, 0, booked=("499 first ~26+1 2 µ$",)),
    ),
    Fault(
        "client takes nothing of a large answer",
        unread("enormous", stream=False),
        dropped(1, booked="408 first 7+4"),
        dropped(1, 0, booked="408 first 7+4"),
        dropped(1, 0, booked="408 first 7+4 2 µ$"),
        {"idle_seconds": 0.5},
    ),
    Fault(
        "client takes nothing of a stream",
        unread("enormous event", stream=True),
        dropped(1, booked="408 first ~26+1"),
        dropped(1, 0, booked="408 first ~26+1"),
        dropped(1, 0, booked="408 first ~26+1 2 µ$"),
        {"idle_seconds": 0.5},
    ),
    Fault(
        "engine killed under 100 streams",
        killed_under_streams,
        broken_off("engine_stream_cut", 100, booked="502 first ~29+1", times=100),
        broken_off("engine_stream_cut", 100, 0, booked="502 first ~29+1", times=100),
        broken_off("engine_stream_cut", 100, 0, booked="502 first ~29+1 2 µ$", times=100),
    ),
    Fault(
        "disk full under the ledger",
        disk_full,
        answered(1, booked="200 first 7+4"),
        answered(1, 0, booked="200 first 7+4"),
        refused(503, "books_unreachable", 0, 0, booked="503 nobody 0+0", retry_after="1"),
    ),
    Fault(
        "clock a day forward and back",
        clock_jumps(DAY),
        answered(3, booked="200 first 7+4", times=3),
        answered(3, 0, booked="200 first 7+4", times=3),
        answered(3, 0, booked="200 first 7+4 2 µ$", times=3),
    ),
    Fault(
        "clock a day back and forward",
        clock_jumps(-DAY),
        answered(3, booked="200 first 7+4", times=3),
        answered(3, 0, booked="200 first 7+4", times=3),
        answered(3, 0, booked="200 first 7+4 2 µ$", times=3),
    ),
)
