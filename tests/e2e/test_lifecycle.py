"""Serve, kill, recover, stop: with the real program, engine and weights."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import psutil
import pytest

from tests.conftest import MODEL, PROGRAM
from tests.e2e.conftest import Person, until

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(person: Person) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"http://127.0.0.1:{person.port}/v1", api_key="local", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, question: str = "Say hello.") -> str:
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": question}], max_tokens=8
    )
    return answer.choices[0].message.content or ""


def test_serve_tells_what_to_paste_and_stop_leaves_nothing(person: Person, client: openai.OpenAI) -> None:
    started = person.run("serve", MODEL, "-d", "--port", str(person.port))
    assert f"Endpoint  http://127.0.0.1:{person.port}/v1    (this machine only)" in started.stderr
    assert f'api_base="http://127.0.0.1:{person.port}/v1",\n        model="{MODEL}",' in started.stderr
    assert ask(client)
    server = person.server
    assert (server["standing"], server["answers"], server["healthy"]) == ("running", True, True)
    assert server["engines"][0]["used_bytes"] > 2**26
    assert len(person.processes()) == 3  # the server, the engine and its guard
    stopped = person.run("stop")
    assert stopped.stderr == f"Stopped {MODEL} on port {person.port}.\n"
    assert person.processes() == []
    assert person.run("stop").stderr == "Nothing is being served.\n"
    assert person.json("status")["servers"] == []


def test_serving_twice_is_serving_once(person: Person) -> None:
    first = person.serve()
    assert person.serve() == first
    again = person.run("serve", MODEL, "--port", str(person.port))
    assert f"Already serving {MODEL} on port {person.port}." in again.stderr
    other = person.run("serve", "gemma-3-270m", "--port", str(person.port), code=1)
    assert f"Port {person.port} already serves {MODEL}." in other.stderr
    person.run("stop")


def test_two_at_once_become_one(person: Person) -> None:
    both = [person.begin("serve", MODEL, "-d", "--json", "--port", str(person.port)) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(answers) == 1
    assert len(person.processes()) == 3  # the server, the engine and its guard
    person.run("stop", "--all")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_a_signal_ends_it_in_order(person: Person, number: signal.Signals) -> None:
    serving = person.begin("serve", MODEL, "--port", str(person.port))
    until(lambda: listed(person) and bool(person.server["healthy"]))
    serving.send_signal(number)
    _, errors = serving.communicate(timeout=60)
    assert serving.returncode == 0
    assert errors.endswith("Stopped.\n")
    assert person.processes() == []
    assert person.json("status")["servers"] == []


def test_a_killed_engine_is_told_to_the_client_and_comes_back(person: Person, client: openai.OpenAI) -> None:
    person.serve()
    pid = person.engine["pid"]
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count from one to a thousand in words."}],
        max_tokens=2000,
        stream=True,
    )
    next(iter(stream))
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(openai.APIError) as caught:
        for _ in stream:
            pass
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["source"] in ("engine", "gateway")
    until(lambda: person.server["healthy"] and person.engine["pid"] != pid)
    assert person.engine["restarts"] == 1
    assert ask(client)
    person.run("stop")


def test_stop_lets_an_answer_under_way_finish(person: Person, client: openai.OpenAI) -> None:
    os.environ["KANOA_MLOPS_DRAIN"] = "120"  # whatever else this machine does
    person.serve()
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Count to twenty."}], max_tokens=80, stream=True
    )
    chunks = [next(iter(stream))]
    stopping = person.begin("stop")
    chunks += list(stream)
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    stopping.communicate(timeout=150)
    assert stopping.returncode == 0
    assert person.processes() == []


def test_a_killed_server_leaves_no_engine_and_is_told_truly(person: Person, client: openai.OpenAI) -> None:
    pid = person.serve()["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: person.processes() == [])
    told = person.run("status", code=2)
    assert "gone" in told.stdout and "its process was killed" in told.stdout
    assert f"`kanoa-mlops restart --port {person.port}`" in told.stderr
    refused = person.run("ask", "Hello?", code=1)
    assert f"The server on port {person.port} is gone." in refused.stderr
    person.run("restart")
    assert ask(client)
    person.run("stop")


def test_serve_recovers_from_a_killed_server(person: Person, client: openai.OpenAI) -> None:
    os.kill(person.serve()["pid"], signal.SIGKILL)
    assert person.serve()
    assert ask(client)
    person.run("stop")


def test_killed_while_loading_nothing_stays(person: Person) -> None:
    serving = person.begin("serve", MODEL, "--port", str(person.port))
    until(lambda: len(person.processes()) == 3)
    serving.kill()
    serving.communicate()
    until(lambda: person.processes() == [])


def test_a_killed_command_leaves_the_server_it_began(person: Person, client: openai.OpenAI) -> None:
    serving = person.begin("serve", MODEL, "-d", "--port", str(person.port))
    until(lambda: listed(person))
    serving.kill()
    serving.communicate()
    until(lambda: bool(person.server["healthy"]))
    assert ask(client)
    person.run("stop")


def test_an_engine_that_cannot_load_says_why(person: Person) -> None:
    # A limit on address space that the server fits in and the engine's cache does not.
    limited = subprocess.run(
        ["bash", "-c", f"ulimit -v 1600000; '{PROGRAM}' serve {MODEL} -d --port {person.port} --parallel 16"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert limited.returncode == 2
    assert f"error: The engine of {MODEL} did not start: there was not enough memory" in limited.stderr
    assert "Its last lines:\n" in limited.stderr
    assert "insufficient memory (attempted to allocate" in limited.stderr
    assert "--context and --parallel" in limited.stderr
    assert person.processes() == []
    told = person.run("status", code=2)
    assert "failed\n  The engine of" in told.stdout
    person.run("stop")
    assert person.json("status")["servers"] == []


def test_ask_writes_the_answer_and_what_it_took(person: Person) -> None:
    person.serve()
    answered = person.run("ask", "What is the capital of France?", "--max-tokens", "20")
    assert len(answered.stdout.split()) > 3
    assert re.fullmatch(
        rf"\[{MODEL}\] \d+ → \d+ tokens · \d+ tokens/s · first after [\d.]+ s\n", answered.stderr
    )
    refused = person.run("ask", "Hello?", "--model", "gpt-7", code=1)
    assert refused.stderr.startswith("error: ")
    assert MODEL in refused.stderr
    no_image = person.home / "notes.txt"
    no_image.write_text("hello")
    refused = person.run("ask", "Hello?", "--image", str(no_image), code=1)
    assert "image" in refused.stderr
    person.run("stop")


def test_a_killed_client_frees_the_engine(person: Person, client: openai.OpenAI) -> None:
    person.serve()
    asking = person.begin("ask", "Count from one to a thousand in words.", "--max-tokens", "4000")
    assert asking.stdout is not None
    assert asking.stdout.read(1)
    asking.kill()
    asking.communicate()
    until(lambda: in_flight(person) == 0, seconds=15)
    assert ask(client)
    person.run("stop")


def test_a_taken_port_names_who_has_it(person: Person) -> None:
    with socket.create_server(("127.0.0.1", person.port)):
        refused = person.run("serve", MODEL, "--port", str(person.port), code=1)
    assert f"error: Port {person.port} is taken by " in refused.stderr
    assert f"(process {os.getpid()})" in refused.stderr
    assert "--port" in refused.stderr


def test_logs_show_what_happened_and_hold_no_content(person: Person, client: openai.OpenAI) -> None:
    person.serve()
    ask(client, "xyzzy-secret")
    log = person.run("logs").stdout
    assert "/v1/chat/completions" in log or "model loaded" in log
    folder = person.home / "state" / "servers" / str(person.port)
    everything = "".join(path.read_text(errors="replace") for path in folder.glob("*.log"))
    assert "model loaded" in everything
    assert "xyzzy-secret" not in everything
    key = next(folder.glob("*.key")).read_text()
    assert key not in everything
    assert all(key not in " ".join(process.cmdline()) for process in person.processes())
    person.run("stop")


def test_following_the_log_shows_new_lines(person: Person, client: openai.OpenAI) -> None:
    person.serve()
    following = person.begin("logs", MODEL, "-f", "-n", "0")
    lines: list[str] = []
    assert following.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(iter(following.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    until(lambda: bool(ask(client)) and bool(lines))
    following.send_signal(signal.SIGINT)
    following.wait(timeout=60)
    reader.join(timeout=60)
    following.communicate()
    assert following.returncode == 130
    assert any("task" in line for line in lines)
    person.run("stop")


def test_a_flipped_byte_is_named_and_not_served_offline(person: Person, stocked: Path) -> None:
    with stocked.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    refused = person.run("serve", MODEL, "-d", "--port", str(person.port), code=2)
    assert stocked.name in refused.stderr
    assert "Traceback" not in refused.stderr
    assert person.processes() == []


def test_several_models_are_served_side_by_side(person: Person, client: openai.OpenAI) -> None:
    second = person.home / "config" / "catalog" / "models" / "twin.yaml"
    second.parent.mkdir(parents=True)
    shipped = Path(__file__).parents[2] / "src/kanoa_mlops/catalog/data/models" / f"{MODEL}.yaml"
    weights = next((person.home / "cache").rglob("*.gguf"))
    text = shipped.read_text().replace("aliases: [smollm2, smollm2-135m, Hugging", "aliases: [Twin")
    head, _, tail = text.partition("        origins:\n")
    second.write_text(
        f"{head}        origins:\n          - path: {weights}\nsources:{tail.partition('sources:')[2]}"
    )
    person.run("serve", MODEL, "twin", "-d", "--port", str(person.port), "--context", "2048")
    assert [each["state"] for each in person.server["engines"]] == ["ready", "ready"]
    models = [model.id for model in client.models.list()]
    assert models == [MODEL, "twin"]
    for model in models:
        assert person.json("ask", "Hello", "--model", model, "--max-tokens", "4")["model"] == model
    person.run("stop")


def listed(person: Person) -> bool:
    return any((person.home / "state").rglob("server.json"))


def in_flight(person: Person) -> float:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{person.port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    values = [float(line.split()[-1]) for line in text.splitlines() if "in_flight" in line and line[0] != "#"]
    assert values, "the gateway counts what is in flight"
    return sum(values)


def test_no_process_is_a_zombie(person: Person) -> None:
    person.serve()
    os.kill(person.engine["pid"], signal.SIGKILL)
    until(lambda: person.engine["restarts"] == 1 and person.server["healthy"])
    assert all(process.status() != psutil.STATUS_ZOMBIE for process in person.processes())
    person.run("stop")
