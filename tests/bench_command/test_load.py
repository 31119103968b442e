"""The load against an engine that misbehaves: each request ends, as an answer or as an error."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from random import Random

import pytest

from kanoa_mlops.bench.figure import HEIGHT, WIDTH, draw_figure
from kanoa_mlops.bench.level import level
from kanoa_mlops.bench.load import Message, Target, load
from kanoa_mlops.bench.prompts import prompts
from kanoa_mlops.bench.stream import BadAnswer, Stream
from tests.fakes.engine import FakeEngine, chunk


def saying(text: str, count: int = 1) -> list[Message]:
    return [{"role": "user", "content": text}] * count


def at(engine: FakeEngine, patience: float = 60) -> Target:
    return Target(engine.url, "fake", max_tokens=4, patience=patience)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("no usage", "the engine did not say how many tokens it gave"),
        ("json for stream", "the answer is application/json, not a stream of events"),
        ("page for stream", "the answer is text/html, not a stream of events"),
        ("stall before headers", "no whole answer within 1 s"),
        ("stall after headers", "no whole answer within 1 s"),
        ("stall mid-stream", "no whole answer within 1 s"),
        ("talk forever", "no whole answer within 1 s"),
        ("flood", "no whole answer within 1 s"),
        ("cut before headers", "the connection broke (ServerDisconnectedError)"),
        ("cut after headers", "the connection broke (ClientPayloadError)"),
        ("cut mid-event", "the connection broke (ClientPayloadError)"),
        ("end without done", "the answer broke off"),
        ("huge event", "the engine did not say how many tokens it gave"),
        ("error event first", "no slot is free"),
        ("error event later", "the GPU fell off the bus"),
        ("busy", "HTTP 503: Loading model"),
        ("broken page", "HTTP 500"),
        ("redirect", "HTTP 302"),
        ("too long", "HTTP 400: request (9031 tokens) exceeds the available context size (4096 tokens)"),
    ],
)
async def test_what_goes_wrong_is_counted_and_ends(behaviour: str, why: str) -> None:
    # Others are to fail of themselves, however slow the machine is.
    patience = 1 if why == "no whole answer within 1 s" else 60
    async with FakeEngine() as engine:
        samples = await load(at(engine, patience), saying(behaviour, 3), parallel=2)
    assert level(2, "text", samples).failures == {why: 3}


async def test_good_answers_count_beside_bad_ones() -> None:
    done = []
    async with FakeEngine() as engine:
        asked = [*saying("Hello", 5), *saying("busy", 2)]
        samples = await load(at(engine), asked, parallel=3, done=lambda: done.append(1))
    row = level(3, "text", samples)
    assert (row.requests, row.errors, row.output_tokens, row.input_tokens) == (7, 2, 20, 7)
    assert row.first_token and row.first_token.median > 0
    assert len(done) == 7


async def test_as_many_are_in_flight_as_were_asked_for() -> None:
    async with FakeEngine() as engine:
        running = asyncio.create_task(load(at(engine), saying("stall before headers", 9), parallel=4))
        while engine.running < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert engine.running == len(engine.received) == 4
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while engine.running:  # who interrupts a bench leaves no work behind
            await asyncio.sleep(0.01)
    assert engine.disconnects == 4


async def test_a_level_ends_when_its_time_is_up_with_one_of_each_at_least() -> None:
    done = []
    async with FakeEngine() as engine:
        asked = saying("Hello", 50)
        samples = await load(at(engine), asked, parallel=4, done=lambda: done.append(1), seconds=0)
        assert len(samples) == len(done) == len(engine.received) == 4
        samples = await load(at(engine), asked, parallel=4, seconds=300)
        assert len(samples) == 50


async def test_nobody_there_is_an_error_of_every_request() -> None:
    samples = await load(Target("http://127.0.0.1:1", "none", 4, 5), saying("Hello", 2), parallel=2)
    assert level(2, "text", samples).failures == {"the connection broke (ClientConnectorError)": 2}


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_is_read_the_same_however_it_is_cut(size: int) -> None:
    whole = chunk("a") + b": comment\r\n\r\n" + chunk("b") + chunk(usage={"completion_tokens": 2})
    whole += b"data: [DONE]\n\n"
    stream = Stream()
    for number in range(0, len(whole), size):
        stream.feed(whole[number : number + size], now=float(number))
    stream.require_whole()
    assert stream.output_tokens == 2
    assert stream.first is not None and stream.last is not None and stream.first <= stream.last


@pytest.mark.parametrize(
    "event", ["[]", "1", "{", '{"error": "no"}', '{"error": {"code": 3}}', '{"error": {"message": 5}}']
)
def test_an_event_that_is_none_is_a_bad_answer(event: str) -> None:
    with pytest.raises(BadAnswer):
        Stream().feed(f"data: {event}\n\n".encode(), 1.0)


@pytest.mark.parametrize(
    "event", ['{"choices": 3}', '{"choices": [1]}', '{"usage": []}', '{"usage": {"x": 1}}']
)
def test_an_event_of_unknown_shape_is_passed_over(event: str) -> None:
    stream = Stream()
    stream.feed(f"data: {event}\n\n".encode(), 1.0)
    assert stream.first is None


def test_an_event_without_an_end_does_not_fill_memory() -> None:
    stream = Stream()
    with pytest.raises(BadAnswer):
        for _ in range(20):
            stream.feed(b"x" * 2**20, 1.0)


def test_no_two_prompts_begin_alike() -> None:
    texts = [each["content"] for each in [*prompts("text", 20), *prompts("text", 20)]]
    assert len({text[:17] for text in texts}) == 40
    pictures = [each["content"][0]["image_url"]["url"] for each in prompts("figure", 3)]
    assert len(set(pictures)) == 3
    json.dumps(pictures)


def test_the_figure_is_a_picture() -> None:
    data = draw_figure(Random(1))
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (WIDTH, HEIGHT)
    start = data.index(b"IDAT") + 4
    pixels = zlib.decompress(data[start : start + struct.unpack(">I", data[start - 8 : start - 4])[0]])
    assert len(pixels) == HEIGHT * (1 + 3 * WIDTH)
    assert b"\x1f\x77\xb4" in pixels
