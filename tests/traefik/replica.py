"""A real gateway as one of several, an engine that holds its answers, and a client of the door before."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import openai
from aiohttp import web

from kanoa_mlops.runtime.ports import free_port
from tests.conftest import PROGRAM
from tests.fakes.engine import FakeEngine, chunk
from tests.traefik.conftest import Standing

MODEL = "Hugging/Smol"


@dataclass
class HoldingEngine(FakeEngine):
    """Begins what it is told to hold, and ends it when it is let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response()  # its health
        if b"hold" not in await request.read():
            return await super()._handle(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(chunk("begun"))
        await self.go.wait()
        await response.write(chunk(" ended") + b"data: [DONE]\n\n")
        return response

    @property
    def backend(self) -> dict[str, Any]:
        """As a gateway's file lists it."""
        return {"model": MODEL, "url": self.url, "engine": "vllm", "context": 4096}


@dataclass(frozen=True)
class Replica:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, config: Path, log: Path, environment: Mapping[str, str] | None = None) -> Replica:
        """
        Args:
            environment: beside this process's own.
        """
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROGRAM, "gateway", "--config", config, "--port", str(port)],
                stdout=output,
                stderr=output,
                env=os.environ | dict(environment or {}),
            )
        return cls(f"http://127.0.0.1:{port}", process, log)

    @property
    def is_closed(self) -> bool:
        """Nobody listens on its port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) != 0

    async def running(self) -> int:
        """Requests for a model."""
        return await self._metric(r"kanoa_requests_in_flight\{.*\}")

    async def looks(self) -> int:
        """At its health."""
        return await self._metric(r'kanoa_requests_total\{.*route="/",.*\}')

    async def watched(self) -> None:
        """Wait until Traefik has looked, and so is told when this leaves; the first look may be ours."""
        async with asyncio.timeout(30):
            while await self.looks() < 2:
                await asyncio.sleep(0.1)

    async def answered(self) -> int:
        """Chats, and well."""
        return await self._metric(r'kanoa_requests_total\{.*route="/v1/chat/completions",.*status="200".*\}')

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    async def _metric(self, name: str) -> int:
        async with aiohttp.request("GET", f"{self.url}/metrics") as answer:
            found = re.findall(rf"^{name} (\S+)$", await answer.text(), re.MULTILINE)
        return sum(round(float(value)) for value in found)


def client_of(standing: Standing, context: ssl.SSLContext, key: str) -> openai.AsyncOpenAI:
    """That trusts Traefik's certificate, and asks everything once."""
    http = openai.DefaultAsyncHttpxClient(verify=context)
    return openai.AsyncOpenAI(
        base_url=f"{standing.url}/v1", api_key=key, max_retries=0, timeout=60, http_client=http
    )


def said(text: str) -> Iterable[Any]:
    return [{"role": "user", "content": text}]
