"""Keys at the door, and what the books say afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.books.totals import Dimension, Total
from kanoa_mlops.gateway.reception import Reception
from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.conftest import OpenDoor, backend, chat
from tests.gateway.test_leaving import until

CHAT = "/v1/chat/completions"
PROMPT, ANSWER = USAGE["prompt_tokens"], USAGE["completion_tokens"]


class Office:
    """Books on a real file, and keys as `keys add` makes them."""

    def __init__(self, folder: Path) -> None:
        self.gateways = SqliteStore(folder / "gateway.db")
        self.books = Books(self.gateways)
        self.store = SqliteStore(folder / "gateway.db")
        """Of whoever makes keys: another process."""

    def key(self, name: str = "ann", **limits: Any) -> str:
        key, text = new_key(name, time.time(), limits=KeyLimits(**limits))
        self.store.add_key(key)
        self.books.tick()
        return text

    def totals(self, *by: Dimension) -> list[Total]:
        self.books.tick()
        return list(self.store.totals(by, 0, time.time() + 1))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()
    made.gateways.close()


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def test_at_this_machine_any_word_does(office: Office, engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=False))
    for headers in ({}, bearer("local"), bearer("kanoa-00000000-" + "x" * 43)):
        assert (await door.post(CHAT, chat("hi"), headers=headers)).status == 200
    [total] = office.totals(Dimension.KEY)
    assert (total.group, total.requests) == (("",), 3)


async def test_beyond_it_only_a_key_does(office: Office, engine: FakeEngine, open_door: OpenDoor) -> None:
    text = office.key()
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=True))
    for headers in ({}, bearer("local"), bearer(text[:-1] + "_"), {"authorization": "Basic eDp5"}):
        refused = await door.post(CHAT, chat("hi"), headers=headers)
        error = json.loads(refused.text)["error"]
        assert (refused.status, error["code"]) == (401, "invalid_api_key")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "kanoa-mlops keys add" in error["message"]
    assert engine.received == []
    for headers in (bearer(text), {"x-api-key": text}):
        assert (await door.post(CHAT, chat("hi"), headers=headers)).status == 200
    assert (await door.get("/health")).status == 200


async def test_a_revoked_key_is_none(office: Office, engine: FakeEngine, open_door: OpenDoor) -> None:
    text = office.key()
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=False))
    [key] = office.store.all_keys()
    office.store.revoke_key(key.id, time.time())
    office.books.tick()
    refused = await door.post(CHAT, chat("hi"), headers=bearer(text))
    assert refused.status == 401
    assert "The key 'ann' is revoked." in refused.text


async def test_limits_hold_and_say_when_to_come_again(
    office: Office, engine: FakeEngine, open_door: OpenDoor
) -> None:
    text = office.key(requests_per_minute=2, models=("smol*",))
    door = await open_door(
        backend(engine.url),
        backend(engine.url, model="other", aliases=()),
        reception=Reception(office.books, key_required=True),
    )
    refused = await door.post(CHAT, chat("hi") | {"model": "other"}, headers=bearer(text))
    assert (refused.status, json.loads(refused.text)["error"]["code"]) == (403, "model_not_allowed")
    assert (await door.post(CHAT, chat("hi"), headers=bearer(text))).status == 200
    refused = await door.post(CHAT, chat("hi"), headers=bearer(text))
    assert refused.status == 429
    assert json.loads(refused.text)["error"]["limit"] == "requests_per_minute"
    assert 0 < int(refused.headers["retry-after-ms"]) <= 30_000


async def test_parallel_requests_are_counted_down_however_they_end(
    office: Office, engine: FakeEngine, open_door: OpenDoor
) -> None:
    text = office.key(parallel=1)
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=True))
    asking = asyncio.create_task(door.post(CHAT, chat("talk forever", stream=True), headers=bearer(text)))
    await until(lambda: engine.running == 1)
    assert (await door.post(CHAT, chat("hi"), headers=bearer(text))).status == 429
    asking.cancel()
    await until(lambda: not engine.running)
    assert (await door.post(CHAT, chat("cut mid-event", stream=True), headers=bearer(text))).status == 200
    assert (await door.post(CHAT, data=b"{", headers=bearer(text))).status == 400
    assert (await door.post(CHAT, chat("hi"), headers=bearer(text))).status == 200


async def test_the_books_say_who_what_and_how_much_and_nothing_of_what_was_said(
    office: Office, engine: FakeEngine, open_door: OpenDoor, tmp_path: Path
) -> None:
    text = office.key()
    [key] = office.store.all_keys()
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=False))
    asked = {"headers": bearer(text)}
    await door.post(CHAT, chat("secret"), **asked)
    await door.post(CHAT, chat("secret", stream=True, stream_options={"include_usage": True}), **asked)
    await door.post(CHAT, chat("secret") | {"model": "nonsense"}, **asked)
    [total] = office.totals(Dimension.KEY)
    assert (total.group, total.requests, total.failed) == ((key.id,), 3, 1)
    assert (total.prompt_tokens, total.completion_tokens) == (2 * PROMPT, 2 * ANSWER)
    assert office.books.condition().unwritten == 0
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"secret" not in files and text.encode() not in files


async def test_openais_client_is_told_as_it_expects(
    office: Office, engine: FakeEngine, open_door: OpenDoor
) -> None:
    text = office.key(requests_per_minute=1)
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=True))
    asked: dict[str, Any] = {"model": "smollm2", "messages": [{"role": "user", "content": "hi"}]}
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(**asked)
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key=text, max_retries=0) as client:
        answer = await client.chat.completions.create(**asked)
        assert answer.choices[0].message.content
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(**asked)
