"""`pull` of a tag and `models rm`, with the fake daemon as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.runtime.ports import free_port
from tests.cli.test_plan import run

PULL = ("pull", "gemma-3-12b", "--weights", "ollama", "--anyway")
DERIVED = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"


@pytest.fixture
def address(home: Path) -> str:
    """Where a daemon is looked for; none is there yet."""
    os.environ["OLLAMA_HOST"] = f"127.0.0.1:{free_port()}"
    return f"http://{os.environ['OLLAMA_HOST']}"


@pytest.fixture
def daemon(address: str) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.ollama", "serve"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"Listening" in process.stdout.readline()
    yield address
    process.terminate()
    process.communicate(timeout=60)


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body | {"stream": False}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data), timeout=60) as answer:
        return json.load(answer)


def names(url: str) -> list[str]:
    return sorted(each["name"] for each in ask(url, "/api/tags")["models"])


def test_a_tag_is_fetched_by_the_daemon_and_told(daemon: str) -> None:
    done = run(*PULL)
    assert done.returncode == 0, done.stderr
    assert "gemma3:12b " in done.stderr
    assert " done.\n" in done.stderr
    assert f"gemma-3-12b-it ollama: gemma3:12b, in the store of the Ollama at {daemon}\n" in done.stderr
    assert names(daemon) == ["gemma3:12b"]
    [told] = json.loads(run(*PULL, "--offline", "--json").stdout)
    assert told == {"model": "gemma-3-12b-it", "weights": "ollama", "tag": "gemma3:12b", "files": []}


def test_a_tag_without_a_daemon_or_without_the_network(address: str, request: pytest.FixtureRequest) -> None:
    refused = run(*PULL)
    assert refused.returncode == 1
    assert f"error: No Ollama answers at {address}" in refused.stderr
    request.getfixturevalue("daemon")
    refused = run(*PULL, "--offline")
    assert refused.returncode == 1
    assert "gemma3:12b is not in Ollama's store, and the network is switched off (offline)." in refused.stderr


def test_what_was_derived_is_forgotten_and_the_tag_is_the_persons(daemon: str) -> None:
    run(*PULL)
    for name in (DERIVED, "kanoa-mlops/gemma-3-4b-it:8192x1-ollama", "mine"):
        ask(daemon, "/api/create", {"model": name, "from": "gemma3:12b", "parameters": {"num_ctx": 8192}})
    removed = run("models", "rm", "gemma-3-12b")
    assert removed.returncode == 0
    first, second = removed.stderr.split("\n", 1)
    assert first == f"Ollama forgot {DERIVED}."
    assert " ".join(second.split()).startswith(
        "Ollama keeps gemma3:12b, which may be yours: `ollama rm gemma3:12b` frees"
    )
    assert names(daemon) == ["gemma3:12b", "kanoa-mlops/gemma-3-4b-it:8192x1-ollama", "mine:latest"]


def test_what_is_loaded_is_kept(daemon: str) -> None:
    run(*PULL)
    ask(daemon, "/api/create", {"model": DERIVED, "from": "gemma3:12b", "parameters": {"num_ctx": 8192}})
    ask(daemon, "/api/generate", {"model": DERIVED, "keep_alive": -1})
    kept = run("models", "rm", "gemma-3-12b")
    assert kept.stderr == f"Ollama keeps {DERIVED}: it is loaded.\n"
    assert DERIVED in names(daemon)


def test_without_a_daemon_nothing_is_said_of_it(address: str) -> None:
    assert run("models", "rm", "gemma-3-12b").stderr == "gemma-3-12b-it is not on disk.\n"
