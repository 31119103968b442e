"""Own machines first, a provider when they are full, and never more than was allowed: with real engines."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from kanoa_mlops.runtime.ports import free_port
from tests.conftest import MODEL, PROGRAM
from tests.e2e.bursting import Scene, entry, run, until
from tests.e2e.conftest import Person
from tests.fakes.provider import FakeProvider

pytestmark = pytest.mark.e2e

ONE_AT_ONCE = ("--parallel", "1", "--context", "8192", "--offline")


@contextmanager
def served(state: Path) -> Iterator[int]:
    """The port of a server with books of its own, as on another machine."""
    port = free_port()
    environment = os.environ | {"KANOA_MLOPS_STATE_DIR": str(state)}
    begin: list[str | Path] = [PROGRAM, "serve", MODEL, "-d", *ONE_AT_ONCE, "--port", str(port)]
    subprocess.run(begin, check=True, capture_output=True, timeout=240, env=environment)
    try:
        yield port
    finally:
        end: list[str | Path] = [PROGRAM, "stop", "--port", str(port)]
        subprocess.run(end, check=True, capture_output=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory, weights_file: Path) -> Iterator[tuple[int, int]]:
    with served(tmp_path_factory.mktemp("desk")) as desk, served(tmp_path_factory.mktemp("lab")) as lab:
        yield desk, lab


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider() as running:
        yield running


class Owner:
    """Who writes the gateway's file."""

    def __init__(self, home: Path, engines: tuple[int, int], provider: FakeProvider) -> None:
        self.file = home / "gateway.yaml"
        self._key_file = home / "hub.key"
        self._engines, self._provider = engines, provider

    def write(self, after: str = "1 s", *, allowed: bool = True, queue: float = 300, **changes: Any) -> None:
        """Anew, as an editor does; `changes` are of the provider's entry."""
        backends = [
            {"model": MODEL, "id": tier, "tier": tier, "url": f"http://127.0.0.1:{port}"}
            | {"engine": "llama.cpp", "parallel": 1, "context": 8192}
            for tier, port in zip(("local", "lan"), self._engines, strict=True)
        ]
        entries = [entry(self._provider, self._key_file, **changes)] if allowed else []
        document = {
            "backends": backends,
            "queue": {"seconds": queue},
            "burst": {"after": after, "allowed": entries},
        }
        self.save(yaml.safe_dump(document, sort_keys=False))

    def save(self, text: str) -> None:
        other = self.file.with_suffix(".new")
        other.write_text(text)
        other.replace(self.file)


@pytest.fixture
def owner(home: Path, engines: tuple[int, int], provider: FakeProvider) -> Owner:
    made = Owner(home, engines, provider)
    made.write()
    return made


@pytest.fixture
async def scene(home: Path, owner: Owner, provider: FakeProvider) -> AsyncIterator[Scene]:
    port, log = free_port(), home / "gateway.log"
    with log.open("wb") as output:
        words: list[str | Path] = [PROGRAM, "gateway", "--config", owner.file, "--port", str(port)]
        process = subprocess.Popen(words, stdout=output, stderr=output)
    try:
        # An answer on two cores that others use as well may take a minute.
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(240)) as session:
            scene = Scene(port, provider, session, log)
            for each in ("local", "lan"):
                await scene.logged(f"{each} is ready")
            try:
                yield scene
            finally:
                await scene.relieve()
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 60)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()


async def test_it_leaves_when_the_wait_is_long_and_comes_home_when_there_is_room(
    scene: Scene, owner: Owner, provider: FakeProvider
) -> None:
    assert (await scene.ask()).tier == "local"
    assert await scene.saturate(1) == ["local"]
    assert (await scene.ask()).tier == "lan"
    await scene.saturate(1)
    seconds = min(each["service_seconds"] or 10.0 for each in (await scene.backends()).values())
    owner.write(after=f"{seconds + 2} s")
    await scene.logged("was read again")
    answer = await scene.ask()
    assert (answer.status, answer.tier) == (200, "hosted")
    # What it had waited, and what a request of our own was expected to take still, are more than `after`.
    assert answer.queue_ms >= 2000 - 1
    assert provider.asked == 1
    assert "why=burst_wait" in await scene.logged("backend=hub")
    await scene.relieve()
    await until(lambda: idle(scene))
    assert (await scene.ask()).tier == "local"
    assert provider.asked == 1


async def test_it_stops_at_the_budget_and_the_books_are_the_providers(
    scene: Scene, owner: Owner, provider: FakeProvider
) -> None:
    owner.write(max_per_day="0.0001 $", queue=15)
    await scene.logged("was read again")
    await scene.saturate(2)
    answers = [await scene.ask()]
    while answers[-1].tier == "hosted":
        answers.append(await scene.ask())
    *hosted, last = answers
    # Nothing is left that could pay for one more: it waited for its own machines as long as it may.
    assert (last.status, last.code) == (429, "queue_timeout")
    assert int(last.headers["retry-after"]) >= 1
    assert len(hosted) == provider.asked > 3
    refused = await scene.ask("require")
    assert (refused.status, refused.code) == (429, "budget_spent")
    wait = timedelta(seconds=int(refused.headers["retry-after"]))
    assert (datetime.now(UTC) + wait - timedelta(seconds=5)).date() <= tomorrow() <= in_a_minute(wait)

    waiting = asyncio.create_task(scene.ask())
    await until(lambda: queues(scene, 1))
    await scene.relieve()
    assert (await waiting).tier in ("local", "lan")
    assert provider.asked == len(hosted)

    booked = await scene.hosted()
    for tokens in ("prompt_tokens", "completion_tokens"):
        assert booked[tokens] == scene.counted(tokens) > 0
    assert (booked["requests"], booked["failed"]) == (len(hosted), 0)
    assert round(booked["cost_usd"] * 1e6) == scene.charged_micro <= 100
    assert sum(float(each.headers["x-kanoa-cost-usd"]) for each in hosted) == pytest.approx(
        booked["cost_usd"], abs=1e-9
    )


async def test_the_rules_change_while_answers_run(scene: Scene, owner: Owner, provider: FakeProvider) -> None:
    owner.write(max_per_day="0.00001 $")
    await scene.logged("was read again")
    provider.holds_streams = True
    await scene.saturate(2)
    assert (await scene.ask("require")).code == "budget_spent"
    owner.write(max_per_day="1 $")
    await until(lambda: answers(scene, 200))
    async with scene.stream("require") as stream:
        owner.write(allowed=False)
        await until(lambda: answers(scene, 400))
        provider.holds_streams = False
        rest = (await stream.content.read()).decode()
    assert "ted" in rest
    assert rest.endswith("data: [DONE]\n\n")
    assert (await scene.hosted())["prompt_tokens"] == scene.counted("prompt_tokens")


async def test_who_waits_already_is_told_of_new_rules(
    scene: Scene, owner: Owner, provider: FakeProvider
) -> None:
    owner.write(after="600 s")
    await scene.logged("was read again")
    await scene.saturate(2)
    waiting = asyncio.create_task(scene.ask())
    await until(lambda: queues(scene, 1))
    assert provider.asked == 0
    owner.write(after="0 s")
    assert (await waiting).tier == "hosted"


async def test_a_wrong_edit_is_told_by_its_line_and_the_old_rules_stay(scene: Scene, owner: Owner) -> None:
    right = owner.file.read_text()
    wrong = right.replace("max_per_day", "max_per_dya")
    line = next(n for n, text in enumerate(wrong.splitlines(), 1) if "max_per_dya" in text)
    owner.save(wrong)
    told = await scene.logged("What ran before is kept.")
    assert f"{owner.file}:{line}: " in told
    assert "max_per_dya: unknown key." in told
    assert (await scene.ask("require")).tier == "hosted"


@pytest.mark.parametrize(
    ("refuses", "state"), [({"credit_micro": 0}, "exhausted"), ({"per_minute": 0}, "rate_limited")]
)
async def test_a_provider_that_refuses_is_left_alone_and_they_wait_at_home(
    scene: Scene, provider: FakeProvider, refuses: dict[str, int], state: str
) -> None:
    for name, value in refuses.items():
        setattr(provider, name, value)
    await scene.saturate(2)
    waiting = asyncio.create_task(scene.ask())
    await until(lambda: bool(provider.refused))
    await until(lambda: queues(scene, 1))
    assert (await scene.backends())["hub"]["state"] == state
    await scene.relieve()
    assert (await waiting).tier in ("local", "lan")
    assert len(provider.refused) == 1


async def test_serve_follows_the_persons_own_file(person: Person, provider: FakeProvider) -> None:
    file = person.home / "config" / "burst.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    allowed = [entry(provider, person.home / "hub.key")]
    file.write_text(yaml.safe_dump({"burst": {"after": "1 s", "allowed": allowed}}))
    assert "At most $1.00 a day" in await run("burst", "list")
    await run("serve", MODEL, "-d", *ONE_AT_ONCE, "--port", str(person.port))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(240)) as session:
        [log] = (person.home / "state").rglob("server.log")
        scene = Scene(person.port, provider, session, log)
        assert (await scene.ask()).tier == "local"
        await scene.saturate(1)
        assert (await scene.ask()).tier == "hosted"
        await run("burst", "revoke", "hub")
        await until(lambda: answers(scene, 400))
        await scene.relieve()
        assert (await scene.ask()).tier == "local"
        assert (await scene.hosted())["completion_tokens"] == scene.counted("completion_tokens")
    await run("stop", "--all")


async def answers(scene: Scene, status: int) -> bool:
    """So does a request that must be hosted."""
    return (await scene.ask("require")).status == status


async def queues(scene: Scene, requests: int) -> bool:
    return await scene.queued() == requests


async def idle(scene: Scene) -> bool:
    return not any(each["in_flight"] for each in (await scene.backends()).values())


def tomorrow() -> date:
    return datetime.now(UTC).date() + timedelta(days=1)


def in_a_minute(wait: timedelta) -> date:
    return (datetime.now(UTC) + wait + timedelta(minutes=1)).date()
