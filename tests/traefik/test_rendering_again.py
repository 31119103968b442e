"""A Traefik that runs takes what is rendered anew: gateways that come or go, a renewed certificate."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from tests.traefik.conftest import Authority, Stand, Standing, render
from tests.traefik.origin import Origin

CHAT = "/v1/chat/completions"


async def test_a_gateway_that_is_taken_away_keeps_what_it_has(stand: Stand, authority: Authority) -> None:
    ending = asyncio.Event()

    async def tell(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        await ending.wait()
        await response.write(b"data: 2\n\n")
        return response

    async with Origin({CHAT: tell}) as going, Origin() as coming:
        standing = await stand(going.url)
        async with standing.session.post(standing.url + CHAT) as answer:
            assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
            render(coming.url, *authority.options, *standing.ports, "-o", str(standing.folder))
            async with asyncio.timeout(30):
                while not coming.asked:
                    assert (await standing.ask("GET", "/v1/models"))[0] == 200
                    await asyncio.sleep(0.05)
            ending.set()
            assert await answer.content.read() == b"data: 2\n\n"


async def test_a_renewed_certificate_is_shown(stand: Stand, authority: Authority) -> None:
    async with Origin() as origin:
        standing = await stand(origin.url)
        before = await _shown(standing, authority)
        authority.issue()
        render(origin.url, *authority.options, *standing.ports, "-o", str(standing.folder))
        async with asyncio.timeout(30):
            while await _shown(standing, authority) == before:
                await asyncio.sleep(0.05)


async def _shown(standing: Standing, authority: Authority) -> bytes:
    """The certificate that a client trusts."""

    def look() -> bytes:
        with (
            socket.create_connection(("127.0.0.1", standing.port), timeout=60) as raw,
            authority.context.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

    return await asyncio.to_thread(look)
