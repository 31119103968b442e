"""Bodies pass as they come, answers pass as they are, and nothing is cut but what stands still."""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kanoa_mlops.runtime.ports import free_port
from tests.traefik.conftest import Change, Stand, Standing
from tests.traefik.origin import Origin, refuse, refuse_in_chunks

CHAT = "/v1/chat/completions"
PART = b"x" * 100_000


async def test_the_first_byte_is_there_before_the_last_is_sent(stand: Stand) -> None:
    seen = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
            seen.set()
        return web.Response(text=str(size))

    async def body() -> AsyncIterator[bytes]:
        yield PART
        await asyncio.wait_for(seen.wait(), 60)
        yield PART

    async with Origin({CHAT: take}) as origin:
        standing = await stand(origin.url)
        status, _, told = await standing.ask("POST", CHAT, data=body())
    assert (status, told) == (200, b"200000")


def _with_read_timeout(seconds: int) -> Change:
    def change(static: dict[str, Any], routes: dict[str, Any]) -> None:
        timeouts = static["entryPoints"]["websecure"]["transport"]["respondingTimeouts"]
        assert int(timeouts["readTimeout"].removesuffix("s")) > 60, "that is the default, which is too short"
        timeouts["readTimeout"] = f"{seconds}s"

    return change


async def test_a_slow_upload_is_cut_by_the_read_timeout_alone(stand: Stand) -> None:
    async def take(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str(len(await request.read())))

    async def body() -> AsyncIterator[bytes]:
        yield PART
        await asyncio.sleep(3)
        yield PART

    async def answer(standing: Standing) -> bytes | None:
        try:
            status, _, told = await standing.ask("POST", CHAT, data=body())
        except aiohttp.ClientError:
            return None
        return told if status == 200 else None

    async with Origin({CHAT: take}) as origin:
        lowered, rendered = await stand(origin.url, change=_with_read_timeout(1)), await stand(origin.url)
        cut, whole = await asyncio.gather(answer(lowered), answer(rendered))
    assert (cut, whole) == (None, b"200000")


async def test_an_answer_may_take_longer_than_an_upload(stand: Stand) -> None:
    async def tell(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = await _begin(request)
        for _ in range(6):
            await response.write(b"data: 1\n\n")
            await asyncio.sleep(0.5)
        return response

    async with Origin({CHAT: tell}) as origin:
        standing = await stand(origin.url, change=_with_read_timeout(1))
        status, _, told = await standing.ask("POST", CHAT, data=PART)
    assert (status, told) == (200, b"data: 1\n\n" * 6)


async def test_every_event_goes_out_at_once(stand: Stand) -> None:
    """The next is told when the last has arrived; in clumps of 100 ms these would take 20 s."""
    arrived = asyncio.Semaphore(1)

    async def tell(request: web.Request) -> web.StreamResponse:
        response = await _begin(request)
        for number in range(200):
            await arrived.acquire()
            await response.write(b"data: %d\n\n" % number)
        return response

    async with Origin({CHAT: tell}) as origin:
        standing = await stand(origin.url)
        async with asyncio.timeout(15), standing.session.post(standing.url + CHAT) as answer:
            for number in range(200):
                assert await answer.content.readuntil(b"\n\n") == b"data: %d\n\n" % number
                arrived.release()


async def test_a_stop_lets_answers_finish_for_the_grace_time(stand: Stand) -> None:
    ending = asyncio.Event()

    async def tell(request: web.Request) -> web.StreamResponse:
        response = await _begin(request)
        await response.write(b"data: 1\n\n")
        await ending.wait()
        await response.write(b"data: 2\n\n")
        return response

    def impatient(static: dict[str, Any], routes: dict[str, Any]) -> None:
        static["entryPoints"]["websecure"]["transport"]["lifeCycle"]["graceTimeOut"] = "1s"

    async def ends(standing: Standing) -> bytes | None:
        async with standing.session.post(standing.url + CHAT) as answer:
            await answer.content.readuntil(b"\n\n")
            standing.process.send_signal(signal.SIGTERM)
            try:
                return await answer.content.read()
            except aiohttp.ClientError:
                return None

    async with Origin({CHAT: tell}) as origin:
        cut, whole = await stand(origin.url, change=impatient), await stand(origin.url)
        finishing = asyncio.create_task(ends(whole))
        assert await asyncio.wait_for(ends(cut), 60) is None
        ending.set()
        assert await asyncio.wait_for(finishing, 60) == b"data: 2\n\n"


@pytest.mark.parametrize("how", [refuse, refuse_in_chunks])
async def test_a_refusal_passes_unchanged_and_is_not_asked_again(stand: Stand, how: Any) -> None:
    async with Origin({CHAT: how}) as one, Origin({CHAT: how}) as other:
        standing = await stand(one.url, other.url)
        status, headers, told = await standing.ask("POST", CHAT, data=PART)
        assert (status, headers["retry-after"], told) == (503, "7", b"busy")
        assert len(one.asked + other.asked) == 1


async def test_what_cannot_be_reached_is_tried_elsewhere_with_its_body(stand: Stand) -> None:
    sizes: list[int] = []

    async def take(request: web.Request) -> web.StreamResponse:
        sizes.append(len(await request.read()))
        return web.Response()

    async with Origin({CHAT: take}) as origin:
        standing = await stand(origin.url, f"http://127.0.0.1:{free_port()}")
        answers = [await standing.ask("POST", CHAT, data=io.BytesIO(PART * 20)) for _ in range(10)]
    assert [status for status, _, _ in answers] == [200] * 10
    assert sizes == [len(PART) * 20] * 10


async def test_why_there_is_no_failover(stand: Stand) -> None:
    """Should the first status be right one day, Traefik has mended it, and a failover may be thought of."""

    async def whole(request: web.Request) -> web.StreamResponse:
        return web.Response(text="the other's", status=201, headers={"x-other": "yes"})

    def failover(static: dict[str, Any], routes: dict[str, Any]) -> None:
        http = routes["http"]
        main, fallback = http["services"]["gateways"]["loadBalancer"]["servers"]
        http["services"] = {
            "gateways": {"failover": {"service": "a", "fallback": "b", "errors": {"status": ["503"]}}},
            "a": {"loadBalancer": {"servers": [main]}},
            "b": {"loadBalancer": {"servers": [fallback]}},
        }

    handlers = {"/chunks": refuse_in_chunks, "/length": refuse}
    async with Origin(handlers) as main, Origin(dict.fromkeys(handlers, whole)) as fallback:
        standing = await stand(main.url, fallback.url, change=failover)
        status, headers, told = await standing.ask("POST", "/chunks")
        assert (status, headers.get("x-other"), told) == (200, None, b"the other's")
        status, headers, told = await standing.ask("POST", "/length")
        assert (status, headers.get("x-other"), told) == (201, "yes", b"the other's")


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    return response
