"""What is asked in another API's words is admitted, counted and booked like anything else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ollama
import pytest

from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.reception import Reception
from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.conftest import OpenDoor, backend
from tests.gateway.test_reception import Office, bearer

BODIES: dict[str, Any] = {
    "/api/chat": {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]},
    "/api/generate": {"model": "tiny", "prompt": "hi", "stream": False},
    "/v1/responses": {"model": "tiny", "input": "hi", "stream": True},
}


@pytest.fixture
def office(tmp_path: Path) -> Any:
    made = Office(tmp_path)
    yield made
    made.store.close()
    made.gateways.close()


@pytest.mark.parametrize("path", BODIES)
async def test_booked_and_logged_by_its_own_route(
    office: Office, engine: FakeEngine, open_door: OpenDoor, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kanoa_mlops.gateway")
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=True))
    text = office.key("ann")
    assert (await door.post(path, BODIES[path])).status == 401
    assert not engine.received
    assert (await door.post(path, BODIES[path], headers=bearer(text))).status == 200
    [booked] = office.totals(Dimension.KEY)
    assert booked.prompt_tokens == USAGE["prompt_tokens"]
    assert booked.completion_tokens == USAGE["completion_tokens"]
    scraped = (await door.get("/metrics")).text
    assert f'model="smollm2",route="{path}",status="200",tier="local"}} 1.0' in scraped
    assert f"route={path} model=smollm2 backend=smollm2 status=200" in caplog.text


async def test_a_missing_key_is_told_in_ollamas_words(
    office: Office, engine: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), reception=Reception(office.books, key_required=True))
    async with ollama.AsyncClient(host=door.url) as client:
        with pytest.raises(ollama.ResponseError, match="This gateway wants a key") as caught:
            await client.generate("tiny", "hi")
    assert caught.value.status_code == 401
    async with ollama.AsyncClient(host=door.url, headers=bearer(office.key())) as client:
        assert (await client.generate("tiny", "hi")).response == "The sales rise."


@pytest.mark.parametrize("path", BODIES)
async def test_too_large_a_body(engine: FakeEngine, open_door: OpenDoor, path: str) -> None:
    door = await open_door(backend(engine.url), max_body_bytes=20)
    assert (await door.post(path, BODIES[path])).status == 413
