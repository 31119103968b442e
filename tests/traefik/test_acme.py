"""Let's Encrypt is asked as it was said, up to the making of an account, at a directory of our own."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from kanoa_mlops.render.traefik import Acme, Front, routes_text, static_text
from kanoa_mlops.runtime.ports import free_port
from tests.traefik.conftest import Authority, alter, end, start


class Directory:
    """An ACME server that gives nobody an account."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        """What accounts were wanted with."""

    @asynccontextmanager
    async def listening(self, authority: Authority) -> AsyncIterator[str]:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(authority.folder / "cert.pem", authority.folder / "key.pem")
        app = web.Application()
        app.router.add_route("*", "/{name}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self._url = f"https://localhost:{runner.addresses[0][1]}"
        yield f"{self._url}/directory"
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        nonce = {"replay-nonce": "bm9uY2U"}
        match request.match_info["name"]:
            case "directory":
                names = ("newNonce", "newAccount", "newOrder")
                return web.json_response({name: f"{self._url}/{name}" for name in names})
            case "newNonce":
                return web.Response(headers=nonce)
        payload = (await request.json())["payload"]
        self.asked.put_nowait(json.loads(base64.urlsafe_b64decode(payload + "==")))
        problem = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "not here"}
        return web.json_response(problem, status=403, headers=nonce)


async def test_an_account_is_wanted_for_the_address(tmp_path: Path, authority: Authority) -> None:
    front = Front(
        replicas=["http://127.0.0.1:1"],
        names=["llm.example.org"],
        tls=Acme("anna@example.org", tmp_path / "acme.json"),
        host="127.0.0.1",
        port=free_port(),
        plain_port=free_port(),
        requests_per_minute=None,
        drain_seconds=15,
    )
    routes = tmp_path / "routes.yaml"
    (tmp_path / "traefik.yaml").write_text(static_text(front, routes))
    routes.write_text(routes_text(front))
    directory = Directory()
    async with directory.listening(authority) as url:

        def here(static: dict[str, Any], routes: dict[str, Any]) -> None:
            resolver = static["certificatesResolvers"]["acme"]["acme"]
            resolver |= {"caServer": url, "caCertificates": [str(authority.folder / "ca.pem")]}

        alter(tmp_path, here)
        process = start(tmp_path)
        try:
            wanted = await asyncio.wait_for(directory.asked.get(), 30)
        finally:
            end(process)
    assert wanted["contact"] == ["mailto:anna@example.org"]
    assert (tmp_path / "acme.json").stat().st_mode & 0o077 == 0
