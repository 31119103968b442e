"""Folders that grounding.yaml declares: mirrored by hand, and by real gateways as they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.grounding.archive import Collection, Stats
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from tests.cli.test_plan import run
from tests.conftest import PROGRAM, real_engine, wait_for_health

EMBEDDING = "all-minilm-l6-v2"
NOWHERE = "http://127.0.0.1:9"
_SECONDS = 90.0
"""That a busy machine may take."""


@pytest.fixture
def papers(home: Path) -> Path:
    folder = home / "config" / "papers"
    folder.mkdir(parents=True)
    (folder / "drift.md").write_text("# Sensor drift\n\nThe probe drifts by 0.3 sigma a month.\n")
    return folder


def declare(home: Path, **entries: dict[str, Any]) -> None:
    stores = {name: {"provider": "local", **entry} for name, entry in entries.items()}
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "grounding.yaml").write_text(yaml.safe_dump({"stores": stores}))


def document(*arguments: str) -> Any:
    result = run("ground", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + _SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.1)
    return found


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def found(self, query: str, store: str = "papers") -> list[str]:
        answer = httpx.post(f"{self.url}/v1/vector_stores/{store}/search", json={"query": query}, timeout=60)
        return [each["filename"] for each in answer.json()["data"]] if answer.status_code == 200 else []

    def follower(self) -> psutil.Process | None:
        # Gone between two looks is gone.
        for each in psutil.Process(self.process.pid).children():
            try:
                if "kanoa_mlops.cli.follower" in each.cmdline():
                    return each
            except psutil.Error:
                continue
        return None

    def followed(self) -> psutil.Process:
        found: psutil.Process = until(self.follower)
        return found


@contextmanager
def gateway(home: Path, engine: str = NOWHERE) -> Iterator[Running]:
    """A real one; it must end well."""
    number = len(list(home.glob("log*")))
    config, log, port = home / f"gateway{number}.yaml", home / f"log{number}", free_port()
    near = {"model": EMBEDDING, "aliases": ["embedding"], "kind": "embedding", "url": engine}
    config.write_text(yaml.safe_dump({"backends": [{**near, "engine": "llama.cpp", "context": 256}]}))
    with log.open("wb") as output:
        argv = [str(PROGRAM), "gateway", "--config", str(config), "--port", str(port)]
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, log.read_text()
        yield Running(process, url, log)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=10).status_code in (200, 503)
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def embedding_engine(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = catalog.models[EMBEDDING]
    [weights] = [each for each in model.weights if each.format == "gguf"]
    file = pull(weights, EMBEDDING, load_settings(), SilentProgress())[0]
    folder = tmp_path_factory.mktemp("embedding")
    with real_engine(file, folder, "--embeddings", alias=EMBEDDING) as url:
        yield url


def collection() -> Collection | None:
    with closing(open_archive(load_settings())) as archive:
        return next((each for each in archive.collections() if each.name == "papers"), None)


def stats() -> Stats:
    with closing(open_archive(load_settings())) as archive:
        [found] = archive.collections()
        return archive.stats(found.id)


def test_declared_folders_are_mirrored_as_the_file_says(home: Path, papers: Path) -> None:
    key, _ = new_key("ana", 0.0)
    with closing(SqliteStore(home / "state" / "gateway.db")) as store:
        store.add_key(key)
    declare(home, papers={"path": "papers", "readers": ["ana"], "shareable": True}, none={"path": "none"})
    status = run("ground", "status")
    assert "papers: nothing is there yet." in status.stdout
    first = run("ground", "sync")
    assert first.returncode == 1, "one of them is not there"
    assert "papers: 1 added." in first.stdout
    assert f"{home}/config/none cannot be read" in first.stderr.replace("\n", "")
    made = collection()
    assert made is not None
    assert (made.folder, made.readers, made.shareable) == (str(papers), frozenset({key.id}), True)
    declare(home, papers={"path": "papers"})
    again = document("sync", "papers")
    assert (again[0]["unchanged"], again[0]["id"]) == (["drift.md"], made.id)
    now = collection()
    assert now is not None
    assert (now.readers, now.shareable) == (frozenset(), False), "what the file no longer says is undone"


def test_what_is_declared_wrongly_says_how_to_mend_it(home: Path, papers: Path) -> None:
    nothing = run("ground", "sync")
    assert nothing.returncode == 1
    assert "provider: local, path: ~/papers" in " ".join(nothing.stderr.split())
    declare(home, papers={"path": "papers"})
    unknown = run("ground", "sync", "paper")
    assert (unknown.returncode, "It has: papers." in unknown.stderr) == (1, True)
    assert run("ground", "sync").returncode == 0
    (home / "config" / "other").mkdir()
    declare(home, papers={"path": "other"})
    moved = run("ground", "sync")
    assert (moved.returncode, f"papers mirrors {papers}" in moved.stderr) == (1, True)
    [standing] = document("status")
    assert f"papers mirrors {papers}" in standing["conflict"]


def test_nothing_outside_of_the_folder_is_read(home: Path, papers: Path) -> None:
    (home / "secret.md").write_text("The password is xylophone.")
    (papers / "link.md").symlink_to(home / "secret.md")
    (papers / "out").symlink_to(home, target_is_directory=True)
    (papers / ".hidden.md").write_text("xylophone")
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home) as running:
        until(lambda: running.found("drift"))
        assert running.found("xylophone") == []
    assert [each["source"] for each in document("show", "papers")] == ["drift.md"]


def test_a_gateway_mirrors_once_and_follows_where_it_is_told_to(home: Path, papers: Path) -> None:
    (home / "config" / "notes").mkdir()
    (home / "config" / "notes" / "a.md").write_text("The zebra has stripes.")
    declare(home, papers={"path": "papers", "watch": True}, notes={"path": "notes"})
    with gateway(home) as running:
        until(lambda: running.found("drift"))
        until(lambda: running.found("zebra", "notes"))
        (home / "config" / "notes" / "b.md").write_text("The okapi is shy.")
        (papers / "new.md").write_text("The okapi hides.")
        until(lambda: running.found("okapi") == ["new.md"])
        (papers / "new.md").unlink()
        until(lambda: running.found("okapi") == [])
        assert running.found("okapi", "notes") == []
        standings = {each["name"]: each for each in document("status")}
        assert standings["papers"]["followed"]["watched"]
        assert standings["papers"]["stats"]["embedded"] == 0
        follower = running.followed()
    assert not follower.is_running()
    assert "mirrored papers added=1" in running.log.read_text()
    assert {each["followed"] for each in document("status")} == {None}


def test_what_is_new_is_embedded_by_the_model_that_is_served(
    home: Path, papers: Path, embedding_engine: str
) -> None:
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home, embedding_engine) as running:
        wait_for_health(running.url, running.process, running.log)
        until(lambda: (collection() and stats().embedded) == 1)
        (papers / "new.md").write_text("# Noise\n\nElectrons jitter with heat.\n")
        until(lambda: stats().embedded == 2)
        assert running.found("thermal fluctuations of charge carriers")[0] == "new.md"


def test_failures_are_told_and_end_with_their_cause(home: Path, papers: Path) -> None:
    """A folder that is not there, a process that is killed; the gateway answers through all of it."""
    papers.rename(home / "away")
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home) as running:
        until(lambda: collection())

        def problem() -> str:
            return str((document("status")[0]["followed"] or {"problem": ""})["problem"])

        assert "cannot be read" in until(problem)
        assert "not mirrored" in running.log.read_text()
        (home / "away").rename(papers)
        until(lambda: running.found("drift"))
        until(lambda: not problem())
        first = running.followed()
        first.kill()
        until(lambda: running.follower() not in (None, first))
        (papers / "new.md").write_text("The okapi hides.")
        until(lambda: running.found("okapi"))
        assert "ended (by signal 9) and begins again" in running.log.read_text()


def test_what_is_removed_while_it_is_followed_stays_away_until_it_is_asked_for(
    home: Path, papers: Path
) -> None:
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home) as running:
        until(lambda: running.found("drift"))
        assert run("ground", "rm", "papers").returncode == 0
        assert until(lambda: "papers was removed" in document("status")[0].get("problem", ""))
        assert collection() is None
        assert run("ground", "sync", "papers").returncode == 0
        (papers / "new.md").write_text("The okapi hides.")
        until(lambda: running.found("okapi"))


def test_a_killed_gateway_leaves_no_process(home: Path, papers: Path) -> None:
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home) as running:
        until(lambda: running.found("drift"))
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert running.followed() in family
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        _, left = psutil.wait_procs(family, timeout=_SECONDS)
        assert left == []
    assert document("status")[0]["followed"] is None


def test_of_two_gateways_one_follows_and_the_other_takes_over(home: Path, papers: Path) -> None:
    declare(home, papers={"path": "papers", "watch": True})
    with gateway(home) as one:
        until(lambda: one.found("drift"))
        with gateway(home) as other:
            until(lambda: "followed by another gateway" in other.log.read_text())
            (papers / "new.md").write_text("The okapi hides.")
            until(lambda: other.found("okapi"))
            assert "mirrored" not in other.log.read_text()
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(60) == 0
            (papers / "newer.md").write_text("The zebra runs.")
            until(lambda: other.found("zebra"))
            until(lambda: "mirrored papers added=1" in other.log.read_text())
