"""A daemon that does as it is told, and plans for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ollama.client import OllamaClient
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB, Published, Store
from tests.planner.machines import desktop

MODEL = "gemma-3-12b-it"
TAG = "gemma3:12b"


@pytest.fixture
async def daemon() -> AsyncIterator[FakeOllama]:
    """Its library has one tag, its card 24 GiB."""
    async with FakeOllama(Store(library={TAG: Published(weights=8 * GIB)})) as running:
        yield running


@pytest.fixture
async def client(daemon: FakeOllama) -> AsyncIterator[OllamaClient]:
    async with OllamaClient(daemon.url) as entered:
        yield entered


@pytest.fixture
def planned(catalog: Catalog) -> Plan:
    """The tag on a card of 24 GiB, twice 8192 tokens."""
    return plan_for(catalog, Wish(engine="ollama", weights="ollama", context=8192, sequences=2))


def plan_for(catalog: Catalog, wish: Wish, card: float = 24 * GIB) -> Plan:
    return plan(catalog.models[MODEL], desktop(card), wish, catalog)


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
