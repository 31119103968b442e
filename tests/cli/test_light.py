"""What is loaded, and when: a gateway starts at once and stays small by loading only what it is asked for."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.settings import load_settings
from tests.conftest import wait_for_health
from tests.fakes.engine import FakeEngine

_LOADED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)
"""A line of `python -X importtime`, which tells of each module as it is loaded."""

LIBRARY = {"kanoa_mlops.cli.shelf", "kanoa_mlops.grounding.local"}
DOORS = {"kanoa_mlops.gateway.documents", "kanoa_mlops.gateway.library.doors"}
GROUNDED = {
    "kanoa_mlops.gateway.grounded.way",
    "kanoa_mlops.grounding.citing",
    "kanoa_mlops.grounding.asking",
}
READING = {"kanoa_mlops.grounding.ingest", "kanoa_mlops.cli.page_reader", "psutil"}
ELSEWHERE = {"kanoa_mlops.grounding.connectors", "kanoa_mlops.grounding.shared", "psycopg"}
OLLAMA = {"kanoa_mlops.gateway.surfaces.ollama.door"}
RESPONSES = {"kanoa_mlops.gateway.surfaces.responses"}
OTHERS = {"rich", "numpy", "PIL", "aiohttp", "httpx", "opentelemetry"} | {
    f"kanoa_mlops.{room}" for room in ("planner", "engines", "hardware", "weights", "render", "bench")
}
"""What draws for people, what reckons, and what other commands are made of."""
LATE = LIBRARY | DOORS | GROUNDED | READING | ELSEWHERE | OLLAMA | RESPONSES | OTHERS


@dataclass(frozen=True)
class Gateway:
    url: str
    log: Path

    @property
    def late(self) -> set[str]:
        """What is loaded, in whole or in part, of all that is not needed to answer a chat."""
        modules = _LOADED.findall(self.log.read_text())
        assert "kanoa_mlops.gateway.app" in modules
        return {name for name in LATE if any(f"{each}.".startswith(f"{name}.") for each in modules)}


@asynccontextmanager
async def gateway(home: Path, engine: str) -> AsyncIterator[Gateway]:
    config, log, port = home / "gateway.yaml", home / "gateway.log", free_port()
    backend = {"model": "tiny", "url": engine, "engine": "vllm", "context": 4096}
    config.write_text(yaml.safe_dump({"backends": [backend]}))
    program = [sys.executable, "-X", "importtime", "-m", "kanoa_mlops"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, "gateway", "--config", config, "--port", str(port)], stdout=output, stderr=output
        )
    try:
        await asyncio.to_thread(wait_for_health, f"http://127.0.0.1:{port}", process, log)
        yield Gateway(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0, log.read_text()


def loaded_by(*words: str) -> set[str]:
    program = [sys.executable, "-X", "importtime", "-m", "kanoa_mlops", *words]
    told = subprocess.run(program, capture_output=True, text=True, check=True).stderr
    return set(_LOADED.findall(told))


def test_its_help_waits_for_nothing_that_only_serving_needs() -> None:
    modules = loaded_by("gateway", "--help")
    assert "kanoa_mlops.gateway.config" in modules
    assert not {"prometheus_client", "kanoa_mlops.gateway.app"} & modules


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("burst --help", "burst_report"), ("burst providers", "burst_report"), ("models", "prune")],
)
def test_what_looks_at_no_process_does_not_learn_how(home: Path, words: str, wanted: str) -> None:
    modules = loaded_by(*words.split())
    assert f"kanoa_mlops.cli.{wanted}" in modules
    assert "psutil" not in modules


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as running:
        yield running


async def test_what_is_not_asked_for_is_not_loaded(home: Path, engine: FakeEngine) -> None:
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "Why?"}]}
    async with gateway(home, engine.url) as door, httpx.AsyncClient(base_url=door.url, timeout=60) as client:
        for streamed in (False, True):
            answer = await client.post("/v1/chat/completions", json=chat | {"stream": streamed})
            assert answer.status_code == 200, answer.text
        assert "kanoa_library_documents 0.0" in (await client.get("/metrics")).text
        assert door.late == set()
        assert (await client.get("/api/tags")).status_code == 200
        assert door.late >= OLLAMA
        assert (await client.post("/v1/responses", json={"model": "tiny", "input": "Why?"})).is_success
        assert door.late >= RESPONSES
        # A response tells what was searched, and knows the words for it; nothing is opened yet.
        assert not door.late & (LIBRARY | DOORS | READING | ELSEWHERE | OTHERS)
        assert (await client.get("/v1/files")).json()["data"] == []
        assert door.late >= LIBRARY | DOORS | GROUNDED
        assert not door.late & (READING | ELSEWHERE | OTHERS)


async def test_documents_that_are_kept_are_open_and_not_yet_searched(home: Path, engine: FakeEngine) -> None:
    open_archive(load_settings()).close()
    async with gateway(home, engine.url) as door:
        assert door.late == LIBRARY


async def test_a_file_that_went_wrong_meanwhile_is_told_and_read_again(
    home: Path, engine: FakeEngine
) -> None:
    file = home / "config" / "grounding.yaml"
    async with gateway(home, engine.url) as door, httpx.AsyncClient(base_url=door.url, timeout=60) as client:
        file.parent.mkdir()
        file.write_text("stores: {wiki: {provider: nobody}}")
        refused = await client.get("/v1/files")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "library_failed")
        assert str(home) not in refused.text
        assert f"{file}" in door.log.read_text()
        file.unlink()
        assert (await client.get("/v1/files")).status_code == 200


def test_what_is_looked_for_is_there() -> None:
    """A name that is none any more would never be found loaded."""
    assert [name for name in sorted(LATE) if importlib.util.find_spec(name) is None] == []
