import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from kanoa_mlops.runtime.identity import Identity, identify, this_process
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord, Standing, known_servers, server_folder

ENGINE = EngineRecord(
    model="tiny",
    weights="q4_1",
    engine="llama.cpp",
    state="ready",
    context=8192,
    sequences=4,
    planned_bytes=2**30,
    port=4711,
    identity=Identity(17, 1.5),
)


def record(**changes: object) -> ServerRecord:
    made = ServerRecord("127.0.0.1", 8000, this_process(), ("tiny", "--port", "8000"), (ENGINE,), ready=True)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    folder = server_folder(tmp_path, 8000)
    folder.write(record())
    assert folder.read() == record()
    assert [found for _, found in known_servers(tmp_path)] == [record()]


def test_what_cannot_be_understood_is_no_record(tmp_path: Path) -> None:
    folder = server_folder(tmp_path, 8000)
    folder.path.mkdir()
    for text in ("", "{", "[]", "null", '{"version": 99}', '{"version": 1}'):
        (folder.path / "server.json").write_text(text)
        assert folder.read() is None, text


def test_a_server_whose_process_ended_is_gone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(child.pid)
    assert identity is not None
    assert record(identity=identity).standing is Standing.RUNNING
    child.communicate(b"\n")
    assert record(identity=identity).standing is Standing.GONE


def test_another_process_with_the_same_number_is_not_mistaken() -> None:
    mine = this_process()
    assert record(identity=mine).standing is Standing.RUNNING
    assert record(identity=replace(mine, started=mine.started - 3600)).standing is Standing.GONE


def test_a_failure_is_remembered() -> None:
    assert record(failure="no memory").standing is Standing.FAILED


def test_an_open_address_is_reached_by_loopback() -> None:
    assert record(host="0.0.0.0").url == "http://127.0.0.1:8000"
    assert record(host="::1").url == "http://[::1]:8000"
