"""The real clients of other APIs before the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ollama
import openai
import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door


@pytest.fixture
async def ollama_client(door: Door) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=door.url)
    async with client:
        yield client


@pytest.fixture
async def openai_client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as made:
        yield made


def asked(engine: FakeEngine) -> dict[str, Any]:
    """The chat completion that the engine was asked for last."""
    last = engine.received[-1]
    assert last.path == "/v1/chat/completions"
    return last.fields
