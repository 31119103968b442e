"""LlamaIndex's client gets grounded answers as it gets any, and can read what they stand on."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.gateway.conftest import Door, open_door
from tests.gateway.grounded.conftest import DRIFT, archive, door, library, recite, reciter
from tests.llamaindex.test_asking import ENVIRONMENT

__all__ = ["archive", "door", "library", "open_door", "recite", "reciter"]  # the fixtures

pytestmark = pytest.mark.llamaindex

PROGRAM = Path(__file__).with_name("grounded.py")
ANSWER = "Drift was beyond the limit [1]."


async def test_it_works_unchanged(door: Door) -> None:
    words: list[str | Path] = [ENVIRONMENT / "bin" / "python", PROGRAM, f"{door.url}/v1", "tiny", "papers"]
    done = await asyncio.to_thread(lambda: subprocess.run(words, capture_output=True, text=True, timeout=240))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["whole"], told["streamed"], told["status"]) == (ANSWER, ANSWER, "grounded")
    assert (told["cited"]["content"], told["cited"]["page"], told["cited"]["cited"]) == (DRIFT, 2, True)
