"""What `status` says of servers that are no more."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil

from kanoa_mlops.runtime.identity import Identity, this_process
from kanoa_mlops.runtime.state import ServerRecord, server_folder
from tests.conftest import PROGRAM
from tests.runtime.test_state import ENGINE, record


def status(home: Path, written: ServerRecord, *arguments: str) -> subprocess.CompletedProcess[str]:
    server_folder(home / "state" / "servers", written.port).write(written)
    return subprocess.run([PROGRAM, "status", *arguments], capture_output=True, text=True, timeout=60)


def ended(seconds_after_boot: float) -> ServerRecord:
    """A server whose process is no more."""
    made = record(identity=Identity(2**22 - 1, psutil.boot_time() + seconds_after_boot))
    return replace(made, engines=tuple(replace(each, identity=None) for each in made.engines))


def test_a_reboot_is_told_from_a_kill(home: Path) -> None:
    assert "the machine was restarted since" in status(home, ended(-3600)).stdout
    assert "its process was killed" in status(home, ended(60)).stdout


def test_what_should_run_and_does_not_ends_with_2(home: Path) -> None:
    shown = status(home, ended(60), "--json")
    assert shown.returncode == 2
    [server] = json.loads(shown.stdout)["servers"]
    assert (server["standing"], server["healthy"], server["pid"]) == ("gone", False, None)
    assert [engine["state"] for engine in server["engines"]] == ["down"]


def test_a_failure_says_why_and_what_next(home: Path) -> None:
    shown = status(home, replace(ended(60), failure="The engine of tiny did not start: no memory."))
    assert "failed\n  The engine of tiny did not start: no memory." in shown.stdout
    assert "`kanoa-mlops restart --port 8000` serves the same again." in shown.stderr


def test_an_engine_that_somebody_else_runs_is_as_it_was_last_seen(home: Path) -> None:
    made = record(identity=this_process())
    reason = "Ollama computes on the processor alone."
    daemon = replace(
        made.engines[0], engine="ollama", identity=None, state="ready", reason=reason, used_bytes=3 * 2**30
    )
    shown = status(home, replace(made, engines=(daemon,)))
    assert "ready" in shown.stdout
    assert "3.00 GiB" in shown.stdout
    assert reason in " ".join(shown.stderr.split())


def test_the_name_of_a_model_stands_whole(home: Path) -> None:
    name = "qwen3-vl-30b-a3b-instruct"
    engine = replace(
        ENGINE, model=name, engine="llama.cpp", version="b11549", way="embedded", used_bytes=2**30
    )
    assert f" {name} " in status(home, replace(record(), engines=(engine,))).stdout


def test_an_engine_stands_beneath_a_model_that_leaves_no_room(home: Path) -> None:
    name = "deepseek-r1-distill-qwen-32b-instruct"
    engine = replace(ENGINE, model=name, engine="llama.cpp", version="b11549", way="embedded", restarts=1)
    lines = status(home, replace(record(), engines=(engine,))).stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if name in line]
    assert " (1 restart) " in lines[at]
    assert lines[at + 1] == "   llama.cpp b11549, embedded"


def test_it_fits_80_columns(home: Path) -> None:
    assert all(len(line) <= 80 for line in status(home, ended(60)).stdout.splitlines())


def test_nothing_is_a_good_answer(home: Path) -> None:
    shown = subprocess.run([PROGRAM, "status"], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr == "Nothing is being served. Start with `kanoa-mlops serve -d`.\n"
