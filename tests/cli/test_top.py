"""`top`: its frame, from values; and the program, before a gateway that runs."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.cli.scrape import Scrape, Seen, counters_in
from kanoa_mlops.cli.today import Today
from kanoa_mlops.cli.top_frame import WIDTH, lines
from kanoa_mlops.cli.top_report import Frame, document, frame
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.runtime.identity import this_process
from kanoa_mlops.runtime.state import server_folder
from tests.cli.alone import gateway
from tests.cli.test_plan import run
from tests.conftest import PROGRAM
from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.books.making import entry
from tests.runtime.test_state import ENGINE, record

URL = "http://127.0.0.1:8000"
LOCAL = Seen("tiny", "tiny", "local", "llama.cpp b1", "ready", "", None, 2, 4)
HOSTED = Seen("groq", "tiny", "hosted", "Groq", "rate_limited", "its limit is reached", 75.0, 0, 256)
BEFORE = Scrape(
    100.0,
    (LOCAL, HOSTED),
    {"tiny": 3},
    {
        ("kanoa_requests_total", "model", "tiny"): 10,
        ("kanoa_requests_total", "backend", "tiny"): 8,
        ("kanoa_requests_total", "backend", "groq"): 2,
        ("kanoa_prompt_tokens_total", "model", "tiny"): 1000,
        ("kanoa_completion_tokens_total", "model", "tiny"): 100,
        ("kanoa_engine_prompt_tokens_total", "backend", "tiny"): 5000,
        ("kanoa_engine_generation_tokens_total", "backend", "tiny"): 700,
    },
)
AFTER = replace(
    BEFORE,
    at=110.0,
    counters={
        ("kanoa_requests_total", "model", "tiny"): 22,
        ("kanoa_requests_total", "backend", "tiny"): 18,
        ("kanoa_requests_total", "backend", "groq"): 4,
        ("kanoa_prompt_tokens_total", "model", "tiny"): 13_345,
        ("kanoa_completion_tokens_total", "model", "tiny"): 455,
        ("kanoa_engine_prompt_tokens_total", "backend", "tiny"): 5100,
        ("kanoa_engine_generation_tokens_total", "backend", "tiny"): 12,  # it began anew
    },
)
SHOWN = """\
http://127.0.0.1:8000/v1

MODEL        QUEUED PROMPT/S ANSWER/S REQ/S
tiny              3    1,234     35.5  1.20

BACKEND      TIER   STATE         BUSY PROMPT/S ANSWER/S REQ/S   MEMORY
tiny         local  ready          2/4     10.0     1.20  1.00 3.00 GiB
groq         hosted rate_limited 0/256        -        -  0.20        -
  groq: its limit is reached, 1 min 15 s left.

Cost today $0.15. Left today: groq $1.85.
"""


def test_a_frame() -> None:
    made = frame(URL, BEFORE, AFTER, {"tiny": 3 * 2**30}, Today(150_000, {"groq": 1_850_000}))
    assert "".join(f"{line}\n" for line in lines(made)) == SHOWN


def test_a_frame_for_programs() -> None:
    told = document(frame(URL, BEFORE, AFTER, {"tiny": 42}, Today(None, {"groq": 1_850_000})))
    assert told["endpoint"] == f"{URL}/v1"
    assert told["seconds"] == 10
    assert told["models"] == [
        {
            "model": "tiny",
            "queued": 3,
            "prompt_tokens_per_second": 1234.5,
            "answer_tokens_per_second": 35.5,
            "requests_per_second": 1.2,
        }
    ]
    near, far = told["backends"]
    assert (near["state"], near["in_flight"], near["capacity"], near["queued"]) == ("ready", 2, 4, 3)
    assert (near["memory_bytes"], far["memory_bytes"]) == (42, None)
    assert (near["answer_tokens_per_second"], far["answer_tokens_per_second"]) == (1.2, None)
    assert (told["cost_today_usd"], told["left_today_usd"]) == (None, {"groq": 1.85})
    json.dumps(told)


def test_one_look_has_no_pace_and_books_may_be_out_of_reach() -> None:
    made = frame(URL, AFTER, AFTER, {}, Today(None, {}))
    shown = lines(made, "12:00:00")
    assert shown[1] == "12:00:00"
    assert [line.split()[-4:] for line in shown if line.startswith("tiny")] == [
        ["3", "-", "-", "-"],
        ["-", "-", "-", "-"],
    ]
    assert shown[-1] == "Cost today is not known: the books cannot be read."


names = st.text(min_size=1, max_size=60)
amounts = st.floats(0, 1e9)


@st.composite
def scrapes(draw: st.DrawFn) -> Scrape:
    seen = st.builds(
        Seen,
        id=names,
        model=names,
        tier=st.sampled_from(["local", "lan", "cloud", "hosted"]),
        engine=names,
        state=st.sampled_from(["ready", "rate_limited", "auth_error"]),
        reason=st.text(max_size=300),
        seconds_left=st.none() | st.floats(0, 1e6),
        in_flight=st.integers(0, 999),
        capacity=st.integers(1, 999),
    )
    backends = draw(st.lists(seen, max_size=4))
    counters: dict[tuple[str, str, str], float] = {}
    for each in backends:
        for label, value in (("model", each.model), ("backend", each.id)):
            counters["kanoa_requests_total", label, value] = draw(amounts)
        counters["kanoa_prompt_tokens_total", "model", each.model] = draw(amounts)
        counters["kanoa_engine_prompt_tokens_total", "backend", each.id] = draw(amounts)
    queued = {each.model: draw(st.integers(0, 999)) for each in backends}
    return Scrape(draw(st.floats(0, 1e6)), tuple(backends), queued, counters)


@given(
    scrapes(), scrapes(), st.integers(0, 10**15), st.dictionaries(names, st.integers(0, 10**12), max_size=3)
)
def test_any_frame_fits_moves_no_cursor_and_has_no_pace_below_zero(
    before: Scrape, now: Scrape, micro: int, left: Mapping[str, int]
) -> None:
    memory = {each.id: 2**40 for each in now.backends}
    made: Frame = frame(URL, before, now, memory, Today(micro, left))
    shown = lines(made)
    assert all(len(line) <= WIDTH and line.isprintable() for line in shown)
    paces = [each.pace for each in made.models] + [each.pace for each in made.backends]
    assert all((pace.requests or 0) >= 0 and (pace.prompt_tokens or 0) >= 0 for pace in paces)


def test_counters_are_added_up_by_what_is_shown() -> None:
    text = """\
# TYPE kanoa_requests counter
kanoa_requests_total{model="tiny",route="/v1/chat/completions",status="200",backend="a",tier="local"} 3
kanoa_requests_total{model="tiny",route="/v1/chat/completions",status="429",backend="",tier=""} 1
kanoa_requests_created{model="tiny",route="/v1/chat/completions",status="429",backend="",tier=""} 9
# TYPE kanoa_queue_length gauge
kanoa_queue_length{model="tiny"} 5
"""
    assert counters_in(text) == {
        ("kanoa_requests_total", "model", "tiny"): 4,
        ("kanoa_requests_total", "backend", "a"): 3,
        ("kanoa_requests_total", "backend", ""): 1,
    }


@dataclass
class CountingEngine(FakeEngine):
    """Is well, and counts as vLLM does."""

    made: float = 0.0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/metrics":
            self.made += 1000
            label = '{model_name="tiny"}'
            return web.Response(
                text=f"vllm:num_requests_running{label} 0\n"
                f"vllm:prompt_tokens_total{label} {10 * self.made}\n"
                f"vllm:generation_tokens_total{label} {self.made}\n"
            )
        return web.Response() if request.method == "GET" else await super()._handle(request)


@dataclass(frozen=True)
class Scene:
    home: Path
    engine: CountingEngine
    port: int

    async def ask(self, text: str = "hi", **fields: Any) -> int:
        body = {"model": "tiny", "messages": [{"role": "user", "content": text}], **fields}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
            await answer.read()
            return answer.status

    async def top(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run, "top", "--port", str(self.port), *arguments)


@pytest.fixture
async def scene(home: Path) -> AsyncIterator[Scene]:
    async with CountingEngine() as engine:
        backend = {"model": "tiny", "url": engine.url, "engine": "vllm", "context": 4096, "parallel": 1}
        started = gateway(home, {"backends": [backend]})
        port = await asyncio.to_thread(started.__enter__)
        try:
            yield Scene(home, engine, port)
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def test_one_view_of_a_gateway(scene: Scene) -> None:
    talking = [asyncio.create_task(scene.ask("talk forever", stream=True)) for _ in range(2)]
    store = SqliteStore(scene.home / "state" / "gateway.db")
    store.write([entry("paid", at=time.time(), micro=150_000, tier="hosted", backend="groq")])
    store.close()
    try:
        async with asyncio.timeout(60):
            told = json.loads((await scene.top("--json")).stdout)
            while told["models"][0]["queued"] == 0 or not told["backends"][0]["answer_tokens_per_second"]:
                told = json.loads((await scene.top("--json")).stdout)
        shown = await scene.top("--once")
    finally:
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
    [backend] = told["backends"]
    assert (backend["id"], backend["tier"], backend["state"]) == ("tiny", "local", "ready")
    assert (backend["in_flight"], backend["capacity"], backend["queued"]) == (1, 1, 1)
    assert backend["prompt_tokens_per_second"] == pytest.approx(10 * backend["answer_tokens_per_second"])
    assert (told["cost_today_usd"], told["left_today_usd"]) == (0.15, {})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split()[:4] for line in shown.stdout.splitlines() if line.startswith("tiny")][1] == [
        "tiny",
        "local",
        "ready",
        "1/1",
    ]
    assert shown.stdout.endswith("\nCost today $0.15.\n")


async def test_what_was_answered_between_two_looks_is_a_pace(scene: Scene) -> None:
    looking = asyncio.create_task(scene.top("--json"))
    answered = 0
    while not looking.done():
        assert await scene.ask() == 200
        answered += 1
    told = json.loads(looking.result().stdout)
    [model] = told["models"]
    requests = model["requests_per_second"] * told["seconds"]
    assert 0 < requests <= answered
    assert model["answer_tokens_per_second"] * told["seconds"] == pytest.approx(
        requests * USAGE["completion_tokens"], rel=0.01
    )
    assert model["prompt_tokens_per_second"] * told["seconds"] == pytest.approx(
        requests * USAGE["prompt_tokens"], rel=0.01
    )


async def test_a_server_with_a_record_has_memory_and_a_budget(scene: Scene) -> None:
    engine = replace(ENGINE, used_bytes=3 * 2**30)
    made = replace(record(identity=this_process(), engines=(engine,)), port=scene.port)
    server_folder(scene.home / "state" / "servers", scene.port).write(made)
    (scene.home / "config").mkdir()
    (scene.home / "config" / "burst.yaml").write_text(
        "burst:\n  max_per_day: 2 $\n  allowed:\n    - {provider: groq, for: gpt-oss-120b, plan: paid}\n"
    )
    store = SqliteStore(scene.home / "state" / "gateway.db")
    store.write([entry("paid", at=time.time(), micro=150_000, tier="hosted", backend="groq")])
    store.close()
    shown = await asyncio.to_thread(run, "top")
    assert shown.returncode == 0, shown.stderr
    assert " 3.00 GiB\n" in shown.stdout
    assert shown.stdout.endswith("\nCost today $0.15. Left today: groq $1.85.\n")


async def test_budgets_of_a_gateway_are_in_its_own_file(scene: Scene) -> None:
    own = scene.home / "own.yaml"
    own.write_text(
        "backends:\n  - {model: tiny, url: 'http://127.0.0.1:1', engine: vllm, context: 4096, id: groq}\n"
        "burst:\n  max_per_day: 2 $\n"
        "  allowed:\n    - {provider: groq, for: tiny, with: gpt-oss-120b, plan: paid}\n"
    )
    (scene.home / "config").mkdir()
    (scene.home / "config" / "burst.yaml").write_text(
        "burst:\n  max_per_day: 9 $\n  allowed:\n    - {provider: groq, for: gpt-oss-120b, plan: paid}\n"
    )
    assert json.loads((await scene.top("--json")).stdout)["left_today_usd"] == {}
    told = json.loads((await scene.top("--json", "--config", str(own))).stdout)
    assert list(told["left_today_usd"].values()) == [2.0]
    assert "groq" not in told["left_today_usd"], "that is another backend's id"
    own.write_text("backends: 3\n")
    refused = await scene.top("--once", "--config", str(own))
    assert refused.returncode == 1
    assert f"{own}" in refused.stderr


async def test_it_goes_on_until_ctrl_c_which_is_no_failure(scene: Scene) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "top", "--port", str(scene.port)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
    )
    os.close(follower)
    try:
        seen = await asyncio.to_thread(_read_until, leader, b"BACKEND", 3)
        assert b"tiny" in seen
        process.send_signal(signal.SIGINT)
        # Read first: a terminal that nobody reads is full, and what writes to it waits.
        assert b"\x1b[?25h" in await asyncio.to_thread(_read_until, leader, b"\x1b[?25h", 1), "the cursor"
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _read_until(terminal: int, words: bytes, times: int) -> bytes:
    """What a program shows, until these words were shown so often."""
    seen, end = b"", time.monotonic() + 60
    while seen.count(words) < times:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    return seen


def test_where_nothing_answers_it_says_so(home: Path) -> None:
    told = run("top", "--port", "1")
    assert (told.returncode, told.stdout) == (1, "")
    assert "error: Nothing answers at http://127.0.0.1:1/status." in told.stderr
    assert "kanoa-mlops status" in told.stderr


async def test_something_else_that_listens_is_named(home: Path) -> None:
    async with FakeEngine() as engine:
        told = await asyncio.to_thread(run, "top", "--port", str(engine.port))
    assert told.returncode == 2
    assert "something else may listen there" in told.stderr
    assert "Traceback" not in told.stderr
