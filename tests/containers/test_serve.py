"""`serve` by containers, as a person at a terminal meets it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import openai
import psutil
import pytest

from kanoa_mlops.runtime.containers.found import find_containers
from kanoa_mlops.runtime.state import server_folder
from tests.boxes import Podman
from tests.conftest import MODEL
from tests.containers.test_supervisor import containers
from tests.e2e.conftest import Person, until

pytestmark = pytest.mark.containers
BY = ("--engine", "llama.cpp", "--via", "podman", "--context", "2048", "--parallel", "2")


@pytest.fixture
def server(person: Person, llama_image: str) -> Iterator[Person]:
    """Serving, in a container."""
    person.run("serve", MODEL, "-d", "--port", str(person.port), *BY)
    yield person
    person.run("stop")
    assert containers("podman") == []


def answer(person: Person) -> str:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{person.port}/v1", api_key="local")
    asked = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    return asked.choices[0].message.content or ""


def kill(person: Person) -> None:
    """Server and guard at once, so that nobody is left who could tidy up."""
    processes = [psutil.Process(person.server["pid"]), psutil.Process(person.engine["pid"])]
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    for each in processes:
        each.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


def test_it_answers_and_status_says_by_what(server: Person) -> None:
    assert answer(server)
    engine = server.engine
    assert (engine["way"], engine["state"], engine["container"]) == (
        "podman",
        "ready",
        f"kanoa-mlops-{server.port}-{MODEL}",
    )
    assert engine["engine_version"]
    assert 0.3 < engine["used_bytes"] / engine["planned_bytes"] < 1.5
    shown = server.run("status").stdout
    assert {f"{engine['engine_version']},", "podman", "ready"} <= set(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    assert "all slots are idle" in server.run("logs", MODEL).stdout
    again = server.run("serve", MODEL, "-d", "--port", str(server.port), *BY)
    assert containers("podman") == [engine["container"]], again.stderr


def test_the_key_is_nowhere_but_in_its_file(server: Person) -> None:
    answer(server)
    folder = server_folder(server.home / "state" / "servers", server.port)
    key = folder.engine_key(MODEL).read_text().strip()
    inspected = subprocess.run(["podman", "inspect", server.engine["container"]], capture_output=True)
    commands = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    assert key.encode() not in inspected.stdout
    assert all(key not in each for each in commands)
    holders = [
        path for path in server.home.rglob("*") if path.is_file() and key.encode() in path.read_bytes()
    ]
    assert {path.name for path in holders} == {f"{MODEL}.key"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


def test_what_a_killed_server_left_is_found_and_removed(server: Person) -> None:
    kill(server)
    shutil.rmtree(server.home / "state")
    [left] = find_containers()
    assert (left.box.server, left.box.model) == (server.port, MODEL)
    told = server.run("status", code=2)
    assert f"{left.box.name}  left over" in told.stdout
    assert f"kanoa-mlops stop --port {server.port}" in told.stderr
    assert [
        each["container"] for each in json.loads(server.run("status", "--json", code=2).stdout)["left_over"]
    ]
    assert "all slots are idle" in server.run("logs", "--port", str(server.port)).stdout
    assert left.box.name in server.run("stop").stderr
    assert find_containers() == ()


def test_a_server_that_lost_its_files_is_known_again(server: Person) -> None:
    shutil.rmtree(server.home / "state")
    folder = server_folder(server.home / "state" / "servers", server.port)
    until(lambda: folder.read() is not None)
    assert server.server["healthy"]
    assert answer(server)


def test_an_image_that_is_not_here_is_named_and_nothing_is_started(person: Person, podman: Podman) -> None:
    empty = person.home / "storage.conf"
    lines = podman.settings["CONTAINERS_STORAGE_CONF"].read_text().splitlines()
    empty.write_text("\n".join(line for line in lines if "additionalimagestores" not in line))
    os.environ["CONTAINERS_STORAGE_CONF"] = str(empty)
    refused = person.run("serve", MODEL, *BY, code=1)
    assert "The image ghcr.io/ggml-org/llama.cpp:server-" in refused.stderr
    assert "podman pull ghcr.io/ggml-org/llama.cpp" in refused.stderr
    assert containers("podman") == []


def test_an_ollama_of_our_own_is_contained_as_well(person: Person, ollama_image: str) -> None:
    by = ("--engine", "ollama", "--via", "podman", "--context", "2048")
    person.run("serve", MODEL, "-d", "--port", str(person.port), *by)
    assert answer(person).strip() == "The sales rise."
    engine = person.engine
    assert (engine["engine"], engine["way"], engine["state"]) == ("ollama", "podman", "ready")
    assert containers("podman") == [engine["container"]]
    person.run("stop")
    assert containers("podman") == []
