"""Where a fault is played: a gateway with books, the engine that misbehaves, and maybe one that does not."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import aiohttp
import pytest

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.server import start_gateway
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door, backend, chat
from tests.gateway.faults.seen import Seen, seen
from tests.gateway.test_bursting import PRICE, hosted
from tests.gateway.test_leaving import until

Setting = Literal["alone", "beside", "paid"]
"""alone: one engine. beside: a healthy one behind it. paid: both are hosted, and each answer costs."""
SETTINGS: tuple[Setting, ...] = get_args(Setting)
CHAT = "/v1/chat/completions"
_HANGS_AFTER = 60.0  # seconds
_DEARER = 4


@dataclass
class Stage:
    setting: Setting
    folder: Path
    """Of the books."""
    patches: pytest.MonkeyPatch
    engine: FakeEngine
    other: FakeEngine
    stack: AsyncExitStack
    limits: dict[str, Any]
    door: Door = field(init=False)
    books: Books = field(init=False)
    store: SqliteStore = field(init=False)

    async def open(self, url: str = "", hosted: dict[str, Any] | None = None, **changes: Any) -> None:
        """The gateway, in front of this address in place of the engine's own.

        Args:
            hosted: how both of a paid setting differ.
            changes: how those of other settings do.
        """
        self.store = SqliteStore(self.folder / "gateway.db", patience=0.1)
        self.stack.callback(self.store.close)
        self.books = Books(self.store, clock=lambda: time.time())
        desk = Reception(self.books, key_required=False, purse=Purse(self.books))
        backends = Backends(self._backends(url or self.engine.url, changes, hosted or {}))
        app = make_app(
            backends, figures=None, version="1.2.3", max_body_bytes=10**7, reception=desk, **self.limits
        )
        gateway = await start_gateway(app, "127.0.0.1", 0)
        self.stack.push_async_callback(gateway.stop, 0)
        session = await self.stack.enter_async_context(aiohttp.ClientSession())
        self.door = Door(gateway, session, backends, app)

    def _backends(self, url: str, changes: dict[str, Any], terms: dict[str, Any]) -> list[Backend]:
        first = backend(url, id="first", **changes)
        if self.setting == "alone":
            return [first]
        if self.setting == "beside":
            return [first, backend(self.other.url, id="second", tier="lan", aliases=(), **changes)]
        dear = replace(PRICE, prompt=PRICE.prompt * _DEARER, answer=PRICE.answer * _DEARER)
        return [
            hosted(self.engine, id="first", base_url=url, **terms),
            hosted(self.other, id="second", base_url=self.other.url, price=dear, **terms),
        ]

    async def ask(self, text: str = "hi", stream: bool = False) -> Answer:
        """One request, to its end."""
        async with asyncio.timeout(_HANGS_AFTER):
            return await self.door.post(
                CHAT, chat(text, stream=stream, max_tokens=100), headers=self._headers
            )

    async def follow(self, begun: asyncio.Semaphore, text: str = "hi") -> Answer:
        """One streamed request, to its end; released as its first words or comment have come."""
        asked = chat(text, stream=True, max_tokens=100)
        async with (
            asyncio.timeout(_HANGS_AFTER),
            self.door.session.post(self.door.url + CHAT, json=asked, headers=self._headers) as response,
        ):
            first = await response.content.readuntil(b"\n\n")
            begun.release()
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, first + await response.read())

    @property
    def _headers(self) -> dict[str, str]:
        return {"x-kanoa-burst": "require"} if self.setting == "paid" else {}

    async def fared(self, *answers: Answer | None, asked: int | None = None) -> Seen:
        """How all of these fared, which was the same; None is one whose client left.

        Args:
            asked: how often the first engine was, where it was no `FakeEngine` of ours.
        """
        await until(lambda: not self.door.app.in_flight._running)
        [told] = {Seen(None) if answer is None else seen(answer) for answer in answers}
        counts = (len(self.engine.received) if asked is None else asked, len(self.other.received))
        return replace(
            told,
            asked=counts[:1] if self.setting == "alone" else counts,
            booked=await self._booked(len(answers)),
            times=len(answers),
        )

    def left(self) -> tuple[int, int, int]:
        """Once all is over: in flight, queued, micro-dollars set aside."""
        now = self.door.app.dispatcher.snapshot()
        aside = self.books.under(Cap(Payer.ALL, Period.MONTH, 0)).reserved
        return sum(each.in_flight for each in now.backends), sum(now.queued.values()), aside

    async def _booked(self, requests: int) -> tuple[str, ...]:
        await asyncio.to_thread(self.books.tick)
        columns = "status, backend, prompt_tokens, completion_tokens, estimated, micro"
        with sqlite3.connect(self.folder / "gateway.db") as file:
            rows = file.execute(f"SELECT {columns} FROM entries ORDER BY number").fetchall()
        file.close()
        assert len(rows) == requests, "every request is booked, and once"
        return tuple(dict.fromkeys(_entry(*row) for row in rows))


@asynccontextmanager
async def a_stage(
    setting: Setting, folder: Path, patches: pytest.MonkeyPatch, **limits: Any
) -> AsyncIterator[Stage]:
    async with FakeEngine() as engine, FakeEngine() as other, AsyncExitStack() as stack:
        yield Stage(setting, folder, patches, engine, other, stack, limits)


def _entry(status: int, backend: str, prompt: int, answer: int, estimated: int, micro: int) -> str:
    words = [str(status), backend or "nobody", f"{'~' * estimated}{prompt}+{answer}"]
    return " ".join([*words, f"{micro} µ$"] if micro else words)
