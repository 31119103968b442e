"""Commands before a gateway that `gateway` runs, which leaves no record."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kanoa_mlops.gateway.config import read_config
from tests.cli.alone import gateway
from tests.cli.test_plan import run
from tests.fakes.engine import FakeEngine


@pytest.fixture
async def port(home: Path) -> AsyncIterator[int]:
    async with FakeEngine() as engine:
        backend = {"model": "tiny", "url": engine.url, "engine": "vllm", "context": 4096}
        started = gateway(home, {"backends": [backend]})
        yield await asyncio.to_thread(started.__enter__)
        await asyncio.to_thread(started.__exit__, None, None, None)


async def test_it_is_asked_as_a_server_is(port: int) -> None:
    told = await asyncio.to_thread(run, "ask", "hi", "--port", str(port), "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert (answer["model"], answer["endpoint"]) == ("tiny", f"http://127.0.0.1:{port}/v1")


async def test_what_is_no_gateway_is_not_asked(home: Path) -> None:
    async with FakeEngine() as engine:
        told = await asyncio.to_thread(run, "ask", "hi", "--port", str(engine.port))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "error: Nothing is being served.\nStart with `kanoa-mlops serve -d`.\n"


async def test_status_knows_of_it_on_the_port_of_the_settings(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KANOA_MLOPS_PORT", str(port))
    shown = await asyncio.to_thread(run, "status")
    assert shown.returncode == 0
    assert shown.stdout == f"http://127.0.0.1:{port}/v1  a gateway before engines that somebody else runs\n"
    assert shown.stderr == "`kanoa-mlops top` shows it at work.\n"
    document = json.loads((await asyncio.to_thread(run, "status", "--json")).stdout)
    assert document["gateway"] == {"endpoint": f"http://127.0.0.1:{port}/v1", "models": ["tiny"]}


async def test_one_that_does_not_begin_is_nothing_to_another(port: int, home: Path) -> None:
    arguments = ("gateway", "--config", str(home / "gateway.yaml"), "--host", "0.0.0.0")
    told = await asyncio.to_thread(run, *arguments)
    assert told.returncode == 1
    assert told.stderr == (
        "error: 0.0.0.0 is open to the network, and nobody has a key yet.\n"
        "Make one first: kanoa-mlops keys add NAME\n"
    )


def test_a_file_that_is_not_there_has_a_next_step(home: Path, tmp_path: Path) -> None:
    for command in ("gateway", "top"):
        told = run(command, "--config", str(tmp_path / "none.yaml"))
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr == (
            f"error: {tmp_path / 'none.yaml'} is not there.\n"
            "`kanoa-mlops gateway --help` shows the least that one holds.\n"
        )


def test_an_empty_file_has_a_next_step(home: Path, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("# nothing yet\n")
    told = run("gateway", "--config", str(tmp_path / "gateway.yaml"))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"error: {tmp_path / 'gateway.yaml'}:1: the file: it is empty.\n"
        "`kanoa-mlops gateway --help` shows the least that one holds.\n"
    )


def test_the_file_in_the_help_is_one(tmp_path: Path) -> None:
    shown = run("gateway", "--help").stdout
    [text] = re.findall(r"^    backends:\n(?:      .*\n)+", shown, re.MULTILINE)
    (tmp_path / "gateway.yaml").write_text(textwrap.dedent(text))
    [backend] = read_config(tmp_path / "gateway.yaml").backends
    assert (backend.engine, backend.context) == ("llama.cpp", 8192)
