"""A real gateway in a company's network: what leaves goes by the proxy, what is near does not."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.fakes.engine import FakeEngine
from tests.gateway.http.test_client import Server
from tests.gateway.http.test_proxy import PASSWORD, QUOTED, all_gone, real_proxy
from tests.gateway.test_restarted import ask, engine, running, write_config
from tests.gateway.test_spans import Collector, values

__all__ = ["engine", "real_proxy"]  # fixtures

pytestmark = pytest.mark.usefixtures("home")
_ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hosted"}}]}
).encode()


@dataclass
class Hosted(Server):
    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1"


async def test_what_leaves_goes_by_the_proxy_and_is_told_by_spans(
    tmp_path: Path, engine: FakeEngine, real_proxy: int
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER)
    hosted = Hosted(head + _ANSWER)
    listening = await asyncio.start_server(hosted.serve, "127.0.0.1", 0, ssl=context)
    hosted.port = listening.sockets[0].getsockname()[1]
    config = write_config(tmp_path, engine, hosted, "the-owners-key")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mlops.toml").write_text(f"certificates = '{tmp_path / 'company.pem'}'\n")
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        os.environ.pop(name, None)
    async with listening, Collector() as collector:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        found = []
        for user in (f"anna:{QUOTED}", "anna:wrong-w0rd"):
            os.environ["HTTPS_PROXY"] = f"http://{user}@127.0.0.1:{real_proxy}"
            async with running(config, tmp_path / "log") as url:
                found.append(await ask(url))
                assert await ask(url, burst="never") == (200, "")
        await all_gone(hosted)
    assert found[0] == (200, "")
    assert found[1][0] >= 500
    assert hosted.connections == 1
    log = (tmp_path / "log").read_text()
    assert (
        f"The proxy 127.0.0.1:{real_proxy} is no way to localhost:{hosted.port}: it refuses this name" in log
    )
    for secret in (PASSWORD, QUOTED, "wrong-w0rd", "the-owners-key"):
        assert secret not in log
    outcomes = [values(span).get("kanoa.outcome") for span in collector.spans if span.name == "send hub"]
    assert outcomes == ["answered", "engine_unreachable"]
