"""Who is let in, by which name, how safely and how often, and what is written down of it."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import openai
import psutil
import pytest
from aiohttp import web
from yarl import URL

from kanoa_mlops.gateway.departure import NOTICE_HEADER
from tests.traefik.conftest import Authority, Stand
from tests.traefik.origin import Origin

CHAT = "/v1/chat/completions"


async def test_http_leads_to_https_and_a_post_stays_one(stand: Stand) -> None:
    async with Origin() as origin:
        standing = await stand(origin.url)
        plain = f"http://localhost:{standing.plain_port}{CHAT}"
        async with standing.session.post(plain, data=b"{}", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (308, standing.url + CHAT)
        async with standing.session.post(plain, data=b"{}") as answer:
            assert (answer.status, answer.method) == (200, "POST")
    assert origin.asked == [CHAT]


async def test_old_tls_is_refused(stand: Stand, authority: Authority) -> None:
    # Their weak ciphers are let in again here, so that it is Traefik who says no.
    old, good = authority.context, authority.context
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    good.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Origin() as origin:
        standing = await stand(origin.url)
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await asyncio.open_connection("localhost", standing.port, ssl=old)
        _, writer = await asyncio.open_connection("localhost", standing.port, ssl=good)
        writer.close()


async def test_nothing_else_is_open_and_nothing_beyond_this_machine(stand: Stand) -> None:
    async with Origin() as origin:
        standing = await stand(origin.url)
        for path in ("/dashboard/", "/api/rawdata", "/ping"):
            await standing.ask("GET", path)
        assert origin.asked == ["/dashboard/", "/api/rawdata", "/ping"], "these are the gateway's to answer"
        connections = psutil.Process(standing.process.pid).net_connections("inet")
        listening = {tuple(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN}
        assert listening == {("127.0.0.1", standing.port), ("127.0.0.1", standing.plain_port)}


async def test_foreign_names_and_metrics_get_nothing(stand: Stand) -> None:
    async with Origin() as origin:
        standing = await stand(origin.url)
        for path, name in (
            (CHAT, "evil.example"),
            ("/metrics", "localhost"),
            ("/v1/../metrics", "localhost"),
        ):
            status, _, _ = await standing.ask("GET", path, headers={"host": name})
            assert status == 404, (path, name)
    assert origin.asked == []


async def test_a_models_name_may_have_a_slash(stand: Stand) -> None:
    async with Origin() as origin:
        standing = await stand(origin.url)
        url = URL(f"{standing.url}/v1/models/Qwen%2FQwen3-VL-8B", encoded=True)
        async with standing.session.get(url) as answer:
            assert answer.status == 200
    assert origin.asked == ["/v1/models/Qwen%2FQwen3-VL-8B"]


async def test_the_gateway_sees_its_own_name_and_no_aliases_of_headers(stand: Stand) -> None:
    seen: dict[str, str] = {}

    async def note(request: web.Request) -> web.StreamResponse:
        seen.update({name.lower(): value for name, value in request.headers.items()})
        return web.Response()

    async with Origin({CHAT: note}) as origin:
        standing = await stand(origin.url)
        sent = {
            "x_forwarded_for": "6.6.6.6",
            "x-forwarded-for": "6.6.6.6",
            NOTICE_HEADER: "15",
            "authorization": "Bearer k",
        }
        _, headers, _ = await standing.ask("POST", CHAT, headers=sent)
        assert seen["host"] == origin.url.removeprefix("http://")
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert "x_forwarded_for" not in seen
    assert NOTICE_HEADER not in seen
    assert seen["authorization"] == "Bearer k"
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers, "of localhost it would lock out its other servers"


async def test_no_query_no_key_and_no_header_is_written_down(stand: Stand) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with Origin({"/v1/cut": cut}) as origin:
        standing = await stand(origin.url)
        headers = {
            "authorization": "Bearer sk-secret",
            "x-api-key": "sk-secret",
            "user-agent": "agent-secret",
        }
        await standing.ask("POST", CHAT + "?key=sk-secret", headers=headers, data=b"body-secret")
        status, _, _ = await standing.ask("POST", "/v1/cut?key=sk-secret", headers=headers)
        assert status == 502
        async with asyncio.timeout(60):
            while standing.log.count('"RequestPath"') < 3:
                await asyncio.sleep(0.05)
    lines = [json.loads(line) for line in standing.log.splitlines()]
    asked = [line for line in lines if line.get("RequestMethod") == "POST"]
    assert [(line["RequestPath"], line["DownstreamStatus"]) for line in asked] == [
        (CHAT, 200),
        ("/v1/cut", 502),
    ]
    assert "secret" not in standing.log


async def test_each_key_has_a_rate_of_its_own(stand: Stand, authority: Authority) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        message = {"role": "assistant", "content": "well"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return web.json_response(body)

    async with Origin({CHAT: answer}) as origin:
        standing = await stand(origin.url, rate=2)

        async def ask(key: str) -> Any:
            http = openai.DefaultAsyncHttpxClient(verify=authority.context)
            async with openai.AsyncOpenAI(
                base_url=f"{standing.url}/v1", api_key=key, max_retries=0, http_client=http
            ) as client:
                message: Any = {"role": "user", "content": "hi"}
                return await client.chat.completions.create(model="m", messages=[message])

        for _ in range(2):
            await ask("anna")
        with pytest.raises(openai.RateLimitError) as refused:
            await ask("anna")
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 60
        await ask("ben")
