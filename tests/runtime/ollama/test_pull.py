"""Fetching a tag: told as it comes, taken up where it was cut, and refused in words that help."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kanoa_mlops.errors import DiskFull, KanoaError, OfflineError, OllamaAbsent, SourceFailed, UserError
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.pull import pull
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB, short_name
from tests.runtime.ollama.conftest import TAG


@dataclass
class Noted:
    """A watch that keeps what it was told."""

    told: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    """Bytes that were there already, by bar."""
    came: int = 0
    total: int = 0

    def start(self, what: str, total_bytes: int, already: int) -> None:
        self.told.append(f"start {what.partition(' ')[0]}")
        self.starts.append(already)
        self.total = total_bytes

    def advance(self, count: int) -> None:
        self.came += count

    def note(self, message: str) -> None:
        self.told.append(message)

    def finish(self) -> None:
        self.told.append("finish")


@pytest.fixture
def watch() -> Noted:
    return Noted()


async def test_the_bytes_of_the_weights_are_told(client: OllamaClient, watch: Noted) -> None:
    await pull(client, TAG, watch)
    assert [each.name for each in await client.tags()] == [TAG]
    assert watch.told == ["start gemma3:12b", "finish"]
    assert (watch.starts, watch.came, watch.total) == ([0], 8 * GIB, 8 * GIB)


async def test_what_is_there_is_not_asked_for_again(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    await pull(client, TAG, watch)
    daemon.store.reachable = False
    await pull(client, TAG, watch)
    assert daemon.asked("/api/pull") == 1


async def test_the_latest_is_found_without_its_name(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.store.publish("llava")
    await pull(client, "llava", watch)
    assert [each.name for each in await client.tags()] == ["llava:latest"]
    await pull(client, "llava", watch)
    assert daemon.asked("/api/pull") == 1


async def test_a_cut_connection_is_taken_up_where_it_broke(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.cuts = [("connection", 0.5), ("connection", 0.75)]
    await pull(client, TAG, watch)
    assert watch.told.count("Fetching gemma3:12b was cut; going on.") == 2
    assert watch.starts == [0]  # one bar; nothing came twice
    assert watch.came == 8 * GIB


async def test_one_that_brings_nothing_more_is_given_up(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.cuts = [("connection", 0.5), ("connection", 0.5)]
    with pytest.raises(OllamaAbsent, match=r"No Ollama answers at http://127\.0\.0\.1"):
        await pull(client, TAG, watch)
    assert daemon.asked("/api/pull") == 2


async def test_one_that_falls_silent_is_given_up(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.cuts = [("silence", 0.5), ("silence", 0.5)]
    with pytest.raises(SourceFailed, match="was cut: the daemon fell silent"):
        await pull(client, TAG, watch)
    assert daemon.asked("/api/pull") == 2


async def test_bytes_that_are_fetched_anew_begin_the_bar_anew(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.cuts = [("again", 0.5)]
    await pull(client, TAG, watch)
    assert watch.starts == [0, 3 * GIB]
    assert watch.came == 9 * GIB


async def test_run_again_after_a_cut_library_it_goes_on(
    daemon: FakeOllama, client: OllamaClient, watch: Noted
) -> None:
    daemon.cuts = [("library", 0.5)]
    with pytest.raises(SourceFailed, match="was cut: max retries exceeded: unexpected EOF") as caught:
        await pull(client, TAG, watch)
    assert caught.value.hint == "Run the same command again: it goes on where it stopped."
    again = Noted()
    await pull(client, TAG, again)
    assert (again.starts, again.came) == ([4 * GIB], 4 * GIB)


@pytest.mark.parametrize(
    ("tag", "trouble", "error", "said", "hint"),
    [
        ("absent:1b", {}, SourceFailed, "Ollama's library has no absent:1b.", "ollama.com/library"),
        (TAG, {"disk_free": GIB}, DiskFull, "no space left on device", "OLLAMA_MODELS"),
        (TAG, {"reachable": False}, SourceFailed, "cannot reach its library", "HTTPS_PROXY"),
        ("new:1b", {"version": "0.5.0"}, UserError, "too old for new:1b", "ollama.com/download"),
    ],
)
async def test_why_it_cannot_be_had(
    daemon: FakeOllama,
    client: OllamaClient,
    watch: Noted,
    tag: str,
    trouble: dict[str, Any],
    error: type[KanoaError],
    said: str,
    hint: str,
) -> None:
    daemon.store.publish("new:1b", needs="0.6.0")
    for name, value in trouble.items():
        setattr(daemon.store, name, value)
    with pytest.raises(error, match=said) as caught:
        await pull(client, tag, watch)
    assert type(caught.value) is error
    assert hint in caught.value.hint
    assert not any(short_name(name) == tag for name in daemon.store.models)


async def test_offline_it_says_what_to_run(client: OllamaClient, watch: Noted) -> None:
    with pytest.raises(OfflineError) as caught:
        await pull(client, TAG, watch, offline=True)
    assert caught.value.hint == "Run `ollama pull gemma3:12b` once while online."


async def test_offline_what_is_there_will_do(client: OllamaClient, watch: Noted) -> None:
    await pull(client, TAG, watch)
    await pull(client, TAG, watch, offline=True)
