"""`bench` as a person runs it: a real server, few tokens."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Literal

import pytest

from kanoa_mlops.runtime.identity import this_process
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord, server_folder
from tests.conftest import MODEL, PROGRAM
from tests.e2e.conftest import Person
from tests.e2e.conftest import person as person
from tests.e2e.conftest import stocked as stocked


@pytest.mark.e2e
@pytest.mark.timeout(1200)
def test_a_served_model_is_measured_kept_and_compared(person: Person) -> None:
    person.serve()
    few = ("--max-tokens", "4", "--requests", "1", "--port", str(person.port))
    picture = person.home / "bench.svg"
    first = person.json("bench", MODEL, *few, "--parallel", "1,2", "--plot", str(picture), seconds=500)
    assert first["last"] is None
    run = first["run"]
    assert [(row["parallel"], row["prompt"], row["requests"]) for row in run["levels"]] == [
        (1, "text", 1),
        (2, "text", 2),
    ]
    for row in run["levels"]:
        assert row["failures"] == {}
        assert row["output_tokens"] == 4 * row["requests"]
        assert row["input_tokens"] > 300
        assert 0 < row["first_token"]["median"] <= row["first_token"]["p95"] <= row["seconds"]
        assert row["tokens_per_second"]["median"] > 0
    assert round(run["predicted"]["memory"]["expected"]) == person.engine["planned_bytes"]
    assert run["memory"]["used"] == run["memory"]["of_machine"] > 2**26
    assert 0 <= run["others"] <= 1
    assert run["predicted"]["decode"]["low"] <= run["predicted"]["decode"]["expected"]
    assert "seconds to the first token" in picture.read_text()
    [kept] = (person.home / "state" / "benches").iterdir()
    assert json.loads(kept.read_text()) == run

    again = person.run("bench", MODEL, *few, "--parallel", "1", seconds=500)
    assert all(len(line) <= 80 for line in again.stdout.splitlines() if line != run["subject"]["machine"])
    assert "LAST: tokens/s in all, by those of" in again.stdout
    for row in ("tokens/s, text alone", "first token, text alone", "memory"):
        assert row in again.stdout
    assert "1 requests in all, answered with 4 tokens each.\ntext, 1 in flight: 1 done in" in again.stderr
    assert "\x1b" not in again.stderr
    runs = person.json("bench", MODEL, "--history")["runs"]
    assert runs[0] == run
    assert len(runs) == 2
    listed = person.run("bench", MODEL, "--history").stdout.splitlines()
    rows = [line for line in listed if re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d +llama.cpp b\d+ ", line)]
    assert len(rows) == 2  # none is folded
    assert all(len(line) <= 80 for line in listed)
    refused = person.run("bench", MODEL, "--figure", code=1)
    assert "Leave out --figure." in refused.stderr
    person.run("stop")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([MODEL], f"error: {MODEL} is not being served.\nRun `kanoa-mlops serve {MODEL} -d` first;"),
        ([MODEL, "--port", "8123"], f"on port 8123.\nRun `kanoa-mlops serve {MODEL} -d --port 8123` first;"),
        (["smolm2"], "Did you mean smollm2"),
        ([MODEL, "--parallel", "1,x"], "'1,x' is no list of numbers"),
        ([MODEL, "--parallel", "0"], "'0' is no list of numbers"),
    ],
)
def test_what_cannot_be_measured_ends_with_1_and_the_next_step(
    home: Path, arguments: list[str], complaint: str
) -> None:
    refused = subprocess.run([PROGRAM, "bench", *arguments], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr
    assert not (home / "state" / "benches").exists()


@pytest.mark.parametrize(
    ("state", "code", "complaint"),
    [
        ("loading", 1, f"{MODEL} is still being loaded on port {{port}}.\nWait until `kanoa-mlops status`"),
        ("down", 2, f"The engine of {MODEL} is down: no luck.\n`kanoa-mlops logs --port {{port}}` shows"),
        ("asleep", 2, "No request was answered: the connection broke (ClientConnectorError).\nRun `kanoa"),
    ],
)
def test_an_engine_that_cannot_answer_is_told_so(
    home: Path, state: Literal["loading", "down", "asleep"], code: int, complaint: str
) -> None:
    port = free_port()
    engine = EngineRecord(MODEL, "q4_1", "llama.cpp", state, 4096, 1, 2**29, reason="no luck")
    server_folder(home / "state" / "servers", port).write(
        ServerRecord("127.0.0.1", port, this_process(), (MODEL,), (engine,), ready=True)
    )
    refused = subprocess.run([PROGRAM, "bench", MODEL], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert f"error: {complaint.format(port=port)}" in refused.stderr
    assert not (home / "state" / "benches").exists()


def test_no_history_is_no_error(home: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "bench", MODEL, "--history"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    assert "was never measured here" in done.stderr
