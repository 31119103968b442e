"""A gateway on a real loopback socket in front of an engine that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import pytest

from kanoa_mlops.gateway.app import App, make_app
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.figures import FigureReader, UnreadableImage
from kanoa_mlops.gateway.server import Gateway, start_gateway
from kanoa_mlops.grounding.library import Library
from tests.fakes.engine import FakeEngine

HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Door:
    """A running gateway, the session a test asks it with, and what it stands in front of."""

    gateway: Gateway
    session: aiohttp.ClientSession
    backends: Backends
    app: App

    @property
    def queued(self) -> int:
        """Requests that wait for a backend."""
        return sum(self.app.dispatcher.snapshot().queued.values())

    @property
    def url(self) -> str:
        return self.gateway.url

    async def post(self, path: str, json: Any = None, **request: Any) -> Answer:
        return await self.ask("POST", path, json=json, **request)

    async def get(self, path: str, **request: Any) -> Answer:
        return await self.ask("GET", path, **request)

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        async with self.session.request(method, self.url + path, **request) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, await response.read())

    async def chat(self, text: str, **fields: Any) -> Answer:
        return await self.post("/v1/chat/completions", chat(text, **fields))


class OpenDoor(Protocol):
    async def __call__(
        self, *backends: Backend, figures: FigureReader | None = None, **options: Any
    ) -> Door: ...


@dataclass
class NotedReader:
    """A reader that says how large the image was."""

    name: str = "ocr"
    read_sizes: list[int] = field(default_factory=list)

    async def read(self, image: bytes) -> str:
        if not image.startswith(b"\x89PNG"):
            raise UnreadableImage("This is no PNG.")
        self.read_sizes.append(len(image))
        return f"[figure of {len(image)} bytes]"


def chat(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "smollm2", "messages": [{"role": "user", "content": text}], **fields}


def backend(url: str, **changes: Any) -> Backend:
    values: dict[str, Any] = {
        "model": "smollm2",
        "aliases": (HUB_NAME, "tiny"),
        "url": url,
        "engine": "llama.cpp b1",
        "sees": False,
        "context_tokens": 4096,
        "state": "ready",
        "engine_key": "engine-secret",
    }
    return Backend(**values | changes)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as running:
        yield running


@pytest.fixture
async def open_door() -> AsyncIterator[OpenDoor]:
    async with AsyncExitStack() as stack:

        async def door(
            *served: Backend,
            figures: FigureReader | None = None,
            library: Library | None = None,
            **options: Any,
        ) -> Door:
            backends = Backends(served)
            app = make_app(
                backends,
                figures=figures,
                version="1.2.3",
                documents=lambda: library,
                **{"max_body_bytes": 10**7} | options,
            )
            gateway = await start_gateway(app, "127.0.0.1", 0)
            stack.push_async_callback(gateway.stop, 0)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Door(gateway, session, backends, app)

        yield door


@pytest.fixture
async def door(engine: FakeEngine, open_door: Callable[..., Any]) -> Door:
    """One small model behind a gateway with everything at its default."""
    opened: Door = await open_door(backend(engine.url))
    return opened
