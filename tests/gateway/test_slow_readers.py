"""Clients that take their answers slowly, or not at all: real sockets with the smallest of buffers."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.reception import Reception
from tests.fakes.engine import ENORMOUS, FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import CHAT, until
from tests.gateway.test_reception import ANSWER, PROMPT, Office

MEGABYTE = 1_000_000
CLIENTS = 5


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()
    made.gateways.close()


@contextmanager
def asking(door: Door, text: str, **fields: Any) -> Iterator[socket.socket]:
    """A request was sent; nothing of its answer is read but by the test."""
    body = json.dumps(chat(text, **fields)).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with closing(socket.socket()) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", door.gateway.port))
        raw.sendall(head.encode() + body)
        yield raw


def connections(door: Door) -> int:
    """Of clients, as the system has them."""
    found = psutil.Process().net_connections("tcp")
    return sum(
        each.status in (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT)
        and each.laddr.port == door.gateway.port
        for each in found
    )


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_who_reads_nothing_holds_nothing(
    office: Office,
    engine: FakeEngine,
    open_door: OpenDoor,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
) -> None:
    caplog.set_level(logging.INFO)
    desk = Reception(office.books, key_required=False)
    door = await open_door(backend(engine.url, slots=2), reception=desk, idle_seconds=0.5)
    with asking(door, "flood" if stream else "enormous", stream=stream):
        if stream:
            await until(lambda: len(engine.received) == 1)
        # Its engine is another's as soon as the time is over, and the connection after some last words.
        await until(lambda: "error=client_stalled" in caplog.text, 60)
        await until(lambda: engine.running == 0)
        await until(lambda: connections(door) == 0, 60)
    assert "status=408" in caplog.text
    [total] = office.totals(Dimension.BACKEND)
    assert (total.requests, total.failed) == (1, 1)
    assert total.completion_tokens > 0, "what was made of it is booked"
    if not stream:
        assert (total.prompt_tokens, total.completion_tokens) == (PROMPT, ANSWER)
    assert sum(each.in_flight for each in door.app.dispatcher.snapshot().backends) == 0


async def test_those_who_read_nothing_are_no_fault_of_their_engine(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    door = await open_door(backend(engine.url), idle_seconds=0.5)
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(asking(door, "flood", stream=True))
        await until(lambda: caplog.text.count("error=client_stalled") == CLIENTS, 60)
    assert "requests find" not in caplog.text, "it is down for others too"


async def test_an_engine_that_says_no_more_is_at_fault_itself(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door(backend(engine.url), idle_seconds=0.2)
    for _ in range(CLIENTS):
        await door.chat("stall mid-stream", stream=True)
    assert "requests find smollm2 down: it stopped in the middle of an answer" in caplog.messages


async def test_streams_that_nobody_reads_take_little_memory(engine: FakeEngine, open_door: OpenDoor) -> None:
    engine.remembers = False
    door = await open_door(backend(engine.url, slots=CLIENTS), idle_seconds=60)
    before = psutil.Process().memory_info().rss
    readers = [asking(door, "flood", stream=True) for _ in range(CLIENTS)]
    for each in readers:
        each.__enter__()
    await until(lambda: engine.running == CLIENTS)
    flow, seen = door.app.traffic.of("smollm2"), 0
    await until(lambda: flow.received_bytes > 0)
    async with asyncio.timeout(60):
        while flow.received_bytes != seen:
            seen = flow.received_bytes
            await asyncio.sleep(0.5)
    # Engine, gateway and client are one process here.
    assert psutil.Process().memory_info().rss - before < CLIENTS * 5 * MEGABYTE
    for each in readers:
        each.__exit__(None, None, None)
    await until(lambda: engine.running == 0)


async def test_who_reads_slowly_gets_all_of_it(engine: FakeEngine, open_door: OpenDoor) -> None:
    """In more time than is allowed for one piece."""
    door = await open_door(backend(engine.url), idle_seconds=1.0)
    loop, began, got = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
    with asking(door, "enormous") as raw:
        raw.setblocking(False)
        while got < ENORMOUS:
            piece = await asyncio.wait_for(loop.sock_recv(raw, MEGABYTE), 60)
            assert piece
            got += len(piece)
            await asyncio.sleep(0.1 * len(piece) / MEGABYTE)
    assert loop.time() - began > 2.0


async def test_a_connection_of_which_nothing_is_taken_is_dropped(
    open_door: OpenDoor, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was that was answered, and however long a request may wait for its client."""
    monkeypatch.setattr("kanoa_mlops.gateway.http.listening._STUCK_SECONDS", 1)
    door = await open_door(backend(engine.url))
    with asking(door, "enormous"):
        await until(lambda: connections(door) == 1)
        await until(lambda: connections(door) == 0, 60)
    assert (await door.chat("hi")).status == 200
