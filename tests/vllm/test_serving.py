"""The real vLLM served by the commands, as a person does it: SmolLM2, and both clients before the gateway."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import openai
import psutil
import pytest
from kanoa import AnalyticsInterpreter

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.counters.readings import Readings
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.policy.liveness import Bounds
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.upstream import ask_engine
from kanoa_mlops.gateway.watch import Watch
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import ServerFolder, server_folder
from kanoa_mlops.runtime.words import parse_paged
from tests.conftest import MODEL, PROGRAM
from tests.e2e.conftest import until
from tests.vllm.entry import write_entry
from tests.vllm.environment import vllm_python

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(500)]

_CONTEXT, _PARALLEL = 2048, 2


@dataclass(frozen=True)
class Server:
    """One that is up, in a home of its own."""

    home: Path
    port: int
    environment: dict[str, str]

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a command prints."""
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, timeout=400, env=self.environment
        )
        assert done.returncode in codes, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    @property
    def engine(self) -> dict[str, Any]:
        """As `status` tells it, which ends with 2 where something is down."""
        [server] = json.loads(self.run("status", "--json", codes=(0, 2)))["servers"]
        [engine] = server["engines"]
        assert isinstance(engine, dict)
        return engine

    @property
    def folder(self) -> ServerFolder:
        return server_folder(self.home / "state" / "servers", self.port)

    @property
    def key(self) -> str:
        return self.folder.engine_key(MODEL).read_text()

    @property
    def log(self) -> str:
        return self.folder.engine_log(MODEL).read_text()

    @property
    def engine_url(self) -> str:
        record = self.folder.read()
        assert record
        return f"http://127.0.0.1:{record.engines[0].port}"

    def processes(self) -> list[psutil.Process]:
        """Of the server and all that it started."""
        mine = self.environment["KANOA_MLOPS_STATE_DIR"]
        seen = list(psutil.process_iter(["environ", "status"]))
        of_mine = [each for each in seen if (each.info["environ"] or {}).get("KANOA_MLOPS_STATE_DIR") == mine]
        # vLLM's parts write their titles over their environment, and stay in the session of their guard.
        sessions = {_session(each) for each in of_mine} - {None}
        living = [each for each in seen if each.info["status"] != psutil.STATUS_ZOMBIE]
        return [each for each in living if _session(each) in sessions]


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


@pytest.fixture(scope="module")
def server(smollm2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One boot for all tests of this file."""
    home = tmp_path_factory.mktemp("home")
    write_entry(MODEL, smollm2_folder, home / "catalog")
    settings = {
        "KANOA_MLOPS_CATALOG_DIR": str(home / "catalog"),
        "KANOA_MLOPS_CACHE_DIR": str(home / "cache"),
        "KANOA_MLOPS_STATE_DIR": str(home / "state"),
        "KANOA_MLOPS_VLLM_PYTHON": str(vllm_python()),
        "KANOA_MLOPS_OFFLINE": "1",
    }
    made = Server(home, free_port(), os.environ | settings)
    asked = ("--context", str(_CONTEXT), "--parallel", str(_PARALLEL), "--port", str(made.port))
    try:
        made.run("serve", "smollm2", "--engine", "vllm", "--via", "native", "-d", *asked)
        yield made
    finally:
        for process in made.processes():
            process.kill()


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{server.port}/v1"
    with openai.OpenAI(base_url=url, api_key="local", max_retries=0) as made:
        yield made


def test_openai_gets_the_same_whole_and_in_pieces(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "What is the capital of France?"}]
    asked: Any = {"model": "smollm2", "messages": messages, "max_tokens": 16, "temperature": 0}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Paris" in text
    assert whole.choices[0].message.content == text
    assert whole.usage and chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens <= 16
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens > 30


def test_kanoa_interprets_a_figure(server: Server) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm",
        api_base=f"http://127.0.0.1:{server.port}/v1",
        model=MODEL,
        api_key="local",
        max_tokens=60,
        temperature=0.0,
    )
    figure = draw_projectile()
    chunks = list(interpreter.interpret(fig=figure, focus="What is the title?", display_result=False))
    plt.close(figure)
    text = "".join(chunk.content for chunk in chunks if chunk.type == "text")
    assert any(word in text.lower() for word in ("projectile", "height", "time"))
    assert chunks[-1].usage.input_tokens > 150
    assert 0 < chunks[-1].usage.output_tokens <= 60


def test_kanoa_asks_for_more_than_the_context_and_is_answered(server: Server) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=f"http://127.0.0.1:{server.port}", model=MODEL, api_key="local"
    )
    assert interpreter.backend.max_tokens > _CONTEXT
    pieces = interpreter.interpret(data="1 2 3", display_result=False)
    assert next(piece for piece in pieces if piece.type == "text").content
    pieces.close()


def test_what_is_asked_wrongly_is_refused_in_words(client: openai.OpenAI) -> None:
    def refusal(**changes: Any) -> openai.APIStatusError:
        asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **changes}
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**asked)
        assert isinstance(caught.value.body, dict) and caught.value.body["source"] == "engine"
        return caught.value

    long = refusal(messages=[{"role": "user", "content": "word " * 3000}])
    assert (long.status_code, long.code) == (400, "context_length_exceeded")
    assert f"has at least {_CONTEXT + 1} tokens, and {MODEL} takes {_CONTEXT} here" in long.message
    longest = refusal(messages=[{"role": "user", "content": "word " * 300_000}])
    assert longest.code == "context_length_exceeded"
    assert re.search(rf"has 15\d{{5}} characters, and {MODEL} takes {_CONTEXT} tokens here", longest.message)
    wrong = refusal(temperature="warm")
    assert (wrong.status_code, wrong.param) == (400, "temperature")
    assert "temperature: Input should be a valid number" in wrong.message
    with pytest.raises(openai.APIStatusError, match="writes, and nothing else") as caught:
        client.embeddings.create(model=MODEL, input="hi")
    assert (caught.value.status_code, caught.value.code) == (400, "wrong_kind_of_model")


def test_only_who_has_the_key_is_answered(server: Server) -> None:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    with httpx.Client(base_url=server.engine_url, timeout=60) as stranger:
        for path in ("/v1/chat/completions", "/v1/completions", "/invocations", "/tokenize", "/nothing"):
            assert stranger.post(path, json=asked).status_code == 401, path
            wrong = {"Authorization": f"Bearer {server.key}x"}
            assert stranger.post(path, json=asked, headers=wrong).status_code == 401, path
        routes = re.findall(r"Route: (\S+), Methods: ", server.log)
        assert len(routes) > 20
        open_to_all = [path for path in routes if stranger.get(path).status_code != 401]
        assert sorted(set(open_to_all)) == ["/health", "/metrics"]
        right = {"Authorization": f"Bearer {server.key}"}
        assert stranger.post("/v1/chat/completions", json=asked, headers=right).status_code == 200


def test_the_key_is_written_nowhere_else(server: Server) -> None:
    words = [" ".join(process.cmdline()) for process in server.processes()]
    assert sum("vllm.entrypoints.openai.api_server" in each for each in words) == 2  # with its guard
    assert any("EngineCore" in each for each in words)
    assert not any(server.key in each for each in words)
    files = [path for path in server.home.rglob("*") if path.is_file() and path.stat().st_size < 10**7]
    assert [path for path in files if server.key in path.read_text(errors="replace")] == [
        server.folder.engine_key(MODEL)
    ]


def test_status_tells_what_runs_and_what_it_takes(server: Server, catalog: Catalog) -> None:
    engine = server.engine
    version = catalog.engines["vllm"].version
    told = (engine["state"], engine["engine"], engine["engine_version"], engine["way"])
    assert told == ("ready", "vllm", version, "native")
    assert engine["used_bytes"] == pytest.approx(engine["planned_bytes"], rel=0.25)
    shown = server.run("status")
    # At 80 columns there is no room for both beside a name that stands whole.
    assert re.search(rf" vllm {re.escape(version)}, .*\n +native *\n", shown)
    assert f"{_PARALLEL} x {_CONTEXT}" in shown


def test_the_cache_is_as_large_as_planned(server: Server) -> None:
    assert parse_paged(server.log).tokens == _CONTEXT * _PARALLEL
    assert f"for {_CONTEXT:,} tokens per request: {_PARALLEL}.00x" in server.log


async def test_one_that_stands_still_and_says_it_is_well_is_found(server: Server) -> None:
    one = Backend(MODEL, (), server.engine_url, "vllm", False, _CONTEXT, "ready", engine_key=server.key)
    backends, traffic, readings = Backends([one]), Traffic(), Readings()
    watch = Watch(backends, traffic, readings, bounds=Bounds(1, 3, 3))
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}

    async def ask() -> bytes:
        body, fields = json.dumps(asked).encode(), {"content-type": "application/json"}
        flow = traffic.of(MODEL)
        with closing(Client("test")) as client:
            async with ask_engine(client, one, "/v1/chat/completions", body, fields, flow) as answer:
                return await answer.read(10**6)

    async def until_it_is(state: str) -> str:
        async with asyncio.timeout(60):
            while True:
                await watch.look(MODEL, "/health")
                [seen] = backends.all()
                if seen.state == state:
                    return seen.reason
                await asyncio.sleep(0.2)

    [core] = [process for process in _parts(server) if "EngineCore" in _words(process)]
    core.suspend()
    try:
        asking = asyncio.create_task(ask())
        assert (await until_it_is("down")).startswith("it says it is well, and for ")
    finally:
        core.resume()
    usage = json.loads(await asking)["usage"]
    await until_it_is("ready")
    [reading] = readings.all()
    assert reading.counters.generation_tokens_total
    assert reading.counters.prompt_tokens_total
    assert reading.counters.prompt_tokens_total >= usage["prompt_tokens"]


def test_one_part_killed_ends_the_others_and_all_begins_anew(server: Server, client: openai.OpenAI) -> None:
    before = _parts(server)
    [core] = [process for process in before if "EngineCore" in _words(process)]
    pieces = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count from one to a thousand in words."}],
        max_tokens=1000,
        stream=True,
        # A small model may end its answer after a word, before anything could be killed under it.
        extra_body={"ignore_eos": True},
    )
    next(iter(pieces))
    core.kill()
    with pytest.raises(openai.APIError) as caught:
        print([piece.choices[0] for piece in pieces if piece.choices][-1])
    assert isinstance(caught.value.body, dict) and caught.value.body["message"]
    until(lambda: not any(process.is_running() for process in before), seconds=60)
    until(lambda: server.engine["restarts"] == 1 and server.engine["state"] == "loading", seconds=60)
    # And the server itself, while its engine begins.
    everything = server.processes()
    [first] = [process for process in everything if "kanoa_mlops serve" in _words(process)]
    first.kill()
    until(lambda: not any(process.is_running() for process in everything), seconds=60)
    assert server.processes() == []


def _parts(server: Server) -> list[psutil.Process]:
    return [process for process in server.processes() if "kanoa_mlops serve" not in _words(process)]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
