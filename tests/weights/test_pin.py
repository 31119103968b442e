"""Weights that the catalog only lists: the hub is asked once which bytes they are, and held to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.catalog.types import ListedFile, Listing, Weights
from kanoa_mlops.errors import KanoaError, OfflineError, SourceFailed, UserError
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from kanoa_mlops.weights.store import locate, on_disk
from tests.weights.make import HURRIED, REVISION, noise
from tests.weights.server import FileServer, serving
from tests.weights.test_foreign import LISTING, REPO, publish

MODEL, TOWER = noise(5000), noise(700)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as running:
        publish(running, {"m.gguf": MODEL, "mmproj.gguf": TOWER})
        yield running


@pytest.fixture
def hub(settings: Settings, server: FileServer) -> Settings:
    return settings.model_copy(update={"hub_url": server.url})


def listed(**changes: object) -> Weights:
    files = (ListedFile(path="m.gguf"), ListedFile(path="mmproj.gguf", role="mmproj"))
    listing = Listing.model_validate({"repo": REPO, "files": files, **changes})
    return Weights(name="q", format="gguf", quantization="q8_0", hub=listing, source="s")


def fetch(weights: Weights, settings: Settings) -> tuple[Path, ...]:
    return pull(weights, "some-model", settings, SilentProgress(), HURRIED)


def test_the_listed_files_are_fetched_checked_and_pinned(hub: Settings) -> None:
    model, tower = fetch(listed(), hub)
    assert (model.read_bytes(), tower.read_bytes()) == (MODEL, TOWER)
    pin = json.loads((model.parent / "pin.json").read_text())
    assert {file["revision"] for file in pin["files"]} == {REVISION}
    assert locate(listed(), "some-model", hub) == (model, tower)


def test_a_later_pull_asks_nobody_and_works_offline(hub: Settings, server: FileServer) -> None:
    first = fetch(listed(), hub)
    server.files.clear()
    assert fetch(listed(), hub.model_copy(update={"offline": True})) == first
    assert len(server.seen(LISTING)) == 1


def test_what_the_publisher_changed_since_does_not_change_what_was_pinned(
    hub: Settings, server: FileServer
) -> None:
    model, _ = fetch(listed(), hub)
    publish(server, {"m.gguf": noise(6000), "mmproj.gguf": TOWER})
    model.unlink()
    with pytest.raises(SourceFailed):  # that commit no longer gives those bytes: refused, not replaced
        fetch(listed(), hub)
    assert not model.exists()


def test_another_size_than_was_planned_with_is_refused(hub: Settings) -> None:
    files = (ListedFile.model_validate({"path": "m.gguf", "size": "4 KiB"}),)
    with pytest.raises(SourceFailed, match=r"as 5000 bytes .* what was planned is not what would be fetched"):
        fetch(listed(files=files), hub)


def test_a_file_that_is_not_there_is_named_with_the_nearest(hub: Settings) -> None:
    with pytest.raises(SourceFailed, match=r"has no mm\.gguf") as caught:
        fetch(listed(files=(ListedFile(path="mm.gguf"),)), hub)
    assert "m.gguf" in caught.value.hint


def test_offline_without_a_pin_says_what_to_do_once(hub: Settings) -> None:
    with pytest.raises(OfflineError, match="never asked") as caught:
        fetch(listed(), hub.model_copy(update={"offline": True}))
    assert "once while online" in caught.value.hint


def test_a_repository_that_is_not_there_is_said_so(hub: Settings) -> None:
    with pytest.raises(KanoaError, match="does not exist, or is private"):
        fetch(listed(repo="Nobody/Nothing"), hub)


def test_ollama_s_own_weights_are_ollama_s_to_fetch(hub: Settings) -> None:
    tagged = Weights(name="ollama", format="ollama", quantization="q8_0", tag="some:1b", source="s")
    with pytest.raises(UserError, match="Ollama's daemon") as caught:
        fetch(tagged, hub)
    assert caught.value.hint == "Run `ollama pull some:1b`."


def test_what_is_on_disk_is_known_by_the_pin(hub: Settings) -> None:
    from kanoa_mlops.catalog.load import load_catalog

    shipped = load_catalog().models["smollm2-135m-instruct"]
    model = shipped.model_copy(update={"id": "some-model", "weights": (listed(),)})
    assert on_disk([model], hub) == []
    fetch(listed(), hub)
    (held,) = on_disk([model], hub)
    assert (held.complete, held.size) == (True, len(MODEL) + len(TOWER))
