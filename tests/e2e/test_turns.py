"""A text and a vision model that fit only one at a time: the real program, engines, weights and client."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import yaml
from openai.types.completion_usage import CompletionUsage

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.runtime.state import EngineRecord, ServerFolder, server_folder
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from tests.conftest import MODEL
from tests.e2e.conftest import Person, until
from tests.seeing import IMAGE_TOKENS, TOWER, write_random_mmproj

pytestmark = pytest.mark.e2e

BLIND = "gemma-3-270m"
SEEING = "gemma-3-270m-seeing"
LIMIT = "900MiB"  # either fits, both do not
EACH = 25  # requests of a client
THINK_SECONDS = 0.2
TURN_LOADS = 4  # see runtime/fleet/turns.py


@pytest.fixture(scope="session")
def gemma_file(catalog: Catalog) -> Path:
    """The real weights of Gemma 3 270M, in the person's own cache so that they come down once a machine."""
    return pull(catalog.models[BLIND].weights[0], BLIND, load_settings(), SilentProgress())[0]


@pytest.fixture
def seeing(person: Person, gemma_file: Path, catalog: Catalog) -> str:
    """An entry in the person's own catalog: Gemma 3 270M with a tower whose weights are random."""
    mmproj = person.home / "mmproj.gguf"
    write_random_mmproj(catalog.models[BLIND], mmproj)
    shipped = resources.files("kanoa_mlops.catalog") / "data" / "models" / f"{BLIND}.yaml"
    entry = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    entry |= {"title": "Gemma 3 270M that sees noise", "aliases": [], "inputs": ["text", "image"]}
    entry["vision"] = TOWER | {"width": entry["architecture"]["hidden_size"]}
    entry["sources"]["random"] = {"url": "https://example.org", "checked": "2026-11-28"}
    [weights] = entry["weights"]
    weights["files"][0]["origins"] = [{"path": str(gemma_file)}]
    weights["files"].append(
        {
            "name": mmproj.name,
            "role": "mmproj",
            "size": f"{mmproj.stat().st_size} B",
            "sha256": hashlib.sha256(mmproj.read_bytes()).hexdigest(),
            "origins": [{"path": str(mmproj)}],
        }
    )
    path = person.home / "config" / "catalog" / "models" / f"{SEEING}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(entry), encoding="utf-8")
    return SEEING


@pytest.fixture(scope="session")
def figure() -> dict[str, Any]:
    """A plot as OpenAI's clients send it."""
    file = io.BytesIO()
    draw_projectile().savefig(file, format="png")
    return {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()},
    }


@dataclass(frozen=True)
class Pair:
    """Both served by turns on one port."""

    person: Person
    folder: ServerFolder
    client: openai.OpenAI
    figure: dict[str, Any]

    def text(self) -> CompletionUsage:
        """As a stream, whose last chunk counts."""
        chunks = list(
            self.client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "Say something about rivers."}],
                max_tokens=8,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert chunks[-1].usage
        return chunks[-1].usage

    def vision(self) -> CompletionUsage:
        content: Any = [{"type": "text", "text": "What is this?"}, self.figure]
        answer = self.client.chat.completions.create(
            model=SEEING, messages=[{"role": "user", "content": content}], max_tokens=4
        )
        assert answer.usage
        return answer.usage

    def engine(self, model: str) -> EngineRecord:
        record = self.folder.read()
        assert record
        return next(each for each in record.engines if each.model == model)

    @contextmanager
    def counting_engines(self) -> Iterator[list[int]]:
        """How many there are, seen again and again for as long as the block."""
        record = self.folder.read()
        assert record
        server, counts, over = psutil.Process(record.identity.pid), [0], threading.Event()

        def count() -> None:
            while not over.wait(0.1):
                below = server.children(recursive=True)
                counts.append(sum(is_engine(each) for each in below))

        counting = threading.Thread(target=count)
        counting.start()
        try:
            yield counts
        finally:
            over.set()
            counting.join()

    def kill_while_it_loads(self, model: str) -> None:
        """The engine alone, below its guard, once another has made room for it."""
        other = {MODEL: SEEING, SEEING: MODEL}[model]
        until(lambda: self.engine(other).state == "ready", 60)
        until(lambda: bool(self._loading(model)), 60)
        for process in self._loading(model):
            process.send_signal(signal.SIGKILL)

    def _loading(self, model: str) -> list[psutil.Process]:
        engine = self.engine(model)
        guard = engine.identity.process() if engine.identity and engine.state == "loading" else None
        return guard.children(recursive=True) if guard else []


def is_engine(process: psutil.Process) -> bool:
    """Its guard has the same words, after its own."""
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return "kanoa_mlops.runtime.embedded" in words and "kanoa_mlops.runtime.guard" not in words


@pytest.fixture
def pair(person: Person, seeing: str, figure: dict[str, Any]) -> Iterator[Pair]:
    words = ("serve", MODEL, seeing, "--memory", LIMIT, "--context", "2048", "--parallel", "1")
    person.run(*words, "-d", "--port", str(person.port))
    folder = server_folder(load_settings().servers_dir, person.port)
    url = f"http://127.0.0.1:{person.port}/v1"
    with openai.OpenAI(base_url=url, api_key="local", max_retries=0, timeout=300) as client:
        yield Pair(person, folder, client, figure)
    person.run("stop", "--all")


@dataclass
class Loads:
    """What the server's log says of its loads."""

    seconds: list[float]
    """What each took, with making room for it, to a tenth; in their order."""
    elapsed: float
    """From when the first began to the log's last line."""
    failed: int


def loads_in(log: Path) -> Loads:
    lines = re.findall(r"^(\S+ \S+),(\d+) \w+ (.*)$", log.read_text(encoding="utf-8"), re.MULTILINE)
    times = [datetime.fromisoformat(day).timestamp() + int(ms) / 1000 for day, ms, _ in lines]
    loaded = [re.fullmatch(r"loaded \S+ in (\S+) s", words) for *_, words in lines]
    seconds = [float(each[1]) for each in loaded if each]
    first = next(time for time, each in zip(times, loaded, strict=True) if each)
    failed = sum(" did not start: " in words and "of 3)" in words for *_, words in lines)
    return Loads(seconds, times[-1] - first + seconds[0], failed)


@pytest.mark.timeout(600)  # a minute where nothing else is computed
def test_fifty_requests_of_two_clients_and_two_kills(pair: Pair) -> None:
    asleep = pair.person.server
    assert asleep["healthy"]
    assert [(each["state"], each["reason"]) for each in asleep["engines"]] == [("asleep", "")] * 2

    def converse(ask: Callable[[], CompletionUsage]) -> list[CompletionUsage]:
        answers = []
        for _ in range(EACH):
            answers.append(ask())
            time.sleep(THINK_SECONDS)
        return answers

    with ThreadPoolExecutor() as pool, pair.counting_engines() as counts:
        asking = [pool.submit(converse, ask) for ask in (pair.text, pair.vision)]
        for model in (SEEING, MODEL):
            pair.kill_while_it_loads(model)
        texts, visions = (each.result() for each in asking)
    assert len(texts) == len(visions) == EACH
    assert all(usage.completion_tokens for usage in texts + visions)
    assert all(usage.prompt_tokens > IMAGE_TOKENS for usage in visions)
    assert max(counts) == 1
    loads = loads_in(pair.folder.log)
    assert loads.failed == 2
    # Either was killed while the other had made room for it, so there were two swaps at least. As long as
    # both clients ask, a model goes only when its turn is over, which lasts four times what loading it took;
    # the last two loads are for what is left once one of them has all its answers.
    assert len(loads.seconds) >= 3
    assert sum((TURN_LOADS + 1) * (each - 0.05) for each in loads.seconds[:-2]) <= loads.elapsed
    server = pair.person.server
    assert server["healthy"]
    assert sorted((each["state"], each["reason"]) for each in server["engines"]) == [
        ("asleep", ""),
        ("ready", ""),
    ]
    assert sum(each["restarts"] for each in server["engines"]) == 0
    print(loads)
