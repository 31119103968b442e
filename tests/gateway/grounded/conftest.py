"""A gateway with documents: a real archive, and an engine that says what a test wrote down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.local.archive import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document
from tests.fakes.reciting import Calls, RecitingEngine, Said
from tests.gateway.conftest import Answer, Door, OpenDoor, backend

CHAT = "/v1/chat/completions"
DRIFT = "Sensor drift reached 3.2 mV in May, beyond the limit of 2.5 mV."
COOLING = "The cooling loop of the spectrometer is flushed with 40 L of water each March."
DAMPING = "Pendulum damping: the amplitude falls by 12 % in each of the first 20 periods."


class Recite(Protocol):
    async def __call__(self, *turns: Said | Calls, **options: Any) -> RecitingEngine: ...


def search(*stores: str, **fields: Any) -> dict[str, Any]:
    return {"type": "file_search", "vector_store_ids": list(stores or ("papers",)), **fields}


def asked(text: str = "Why does the sensor drift in May?", **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "smollm2", "messages": messages, "tools": [search()], **fields}


def error(answer: Answer) -> tuple[int, str, str, str]:
    value = json.loads(answer.text)["error"]
    return answer.status, value["code"], value["param"], value["message"]


def put(archive: LocalArchive, name: str, *texts: str, title: str = "calibration.pdf", **terms: Any) -> str:
    """A collection with one document, a page for each text. Returns its id."""
    collection = Collection(id=f"vs_{hashlib.sha256(name.encode()).hexdigest()[:24]}", name=name, **terms)
    archive.create(collection)
    chunks = tuple(
        Chunk(f"{name}-{page}", text, page=page, heading="Results") for page, text in enumerate(texts, 1)
    )
    archive.put(
        collection.id, Document(f"lab/{title}", title, hashlib.sha256(title.encode()).hexdigest(), chunks)
    )
    return collection.id


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LocalArchive]:
    made = LocalArchive(tmp_path / "grounding.db")
    yield made
    made.close()


@pytest.fixture
def library(archive: LocalArchive) -> Library:
    put(archive, "papers", COOLING, DRIFT, DAMPING)
    return Library(archive)


@pytest.fixture
async def recite() -> AsyncIterator[Recite]:
    running: list[RecitingEngine] = []

    async def begin(*turns: Said | Calls, **options: Any) -> RecitingEngine:
        engine = RecitingEngine(list(turns) or [("Drift was beyond", " the limit [", "1", "].")], **options)
        running.append(await engine.__aenter__())
        return engine

    yield begin
    for engine in running:
        await engine.__aexit__()


@pytest.fixture
async def reciter(recite: Recite) -> RecitingEngine:
    return await recite()


@pytest.fixture
async def door(reciter: RecitingEngine, open_door: OpenDoor, library: Library) -> Door:
    return await open_door(backend(reciter.url), library=library)
