"""LlamaIndex's client before the gateway, and what its exceptions say."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend, engine, open_door
from tests.gateway.test_describe import drawn

__all__ = ["engine", "open_door"]  # the fixtures

pytestmark = pytest.mark.llamaindex

ANSWER = "The sales rise."
ENVIRONMENT = Path(__file__).parents[2] / ".venv-llamaindex"
PROGRAM = Path(__file__).with_name("asking.py")


async def understood(door: Door, figure: Path) -> dict[str, Any]:
    """What the client in its own environment made of the answers."""
    assert (ENVIRONMENT / ".installed").exists(), f"{ENVIRONMENT} has no LlamaIndex: run `make llamaindex`"
    words: list[str | Path] = [ENVIRONMENT / "bin" / "python", PROGRAM, f"{door.url}/v1", "tiny", figure]
    done = await asyncio.to_thread(lambda: subprocess.run(words, capture_output=True, text=True, timeout=240))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


async def test_it_works_unchanged(engine: FakeEngine, open_door: OpenDoor, tmp_path: Path) -> None:
    figure = tmp_path / "figure.png"
    figure.write_bytes(base64.b64decode(drawn().partition(",")[2]))
    door = await open_door(backend(engine.url, sees=True))
    told = await understood(door, figure)
    assert [told[name] for name in ("whole", "streamed", "later", "image")] == [ANSWER] * 4
    assert told["tools"] == [["add", {"a": 1, "b": 2}]]
    assert told["structured"] == {"rises": True}
    assert sum(drawn().encode() in each.body for each in engine.received) == 1

    kinds = {name: told[name][0] for name in ("no such model", "too long", "cut")}
    assert kinds == {"no such model": "NotFoundError", "too long": "BadRequestError", "cut": "APIError"}
    assert "Did you mean tiny?" in told["no such model"][1]
    assert "has 9031 tokens, and smollm2 takes 4096 here" in told["too long"][1]
    assert "stopped in the middle of its answer" in told["cut"][1]
