"""What can go from a cache, and what never does."""

from __future__ import annotations

import datetime
import errno
import os
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from kanoa_mlops.catalog.types import Listing, Model, Weights
from kanoa_mlops.errors import UserError
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.weights.lock import holding
from kanoa_mlops.weights.part import open_part
from kanoa_mlops.weights.pin import Pin, PinnedFile, write_pin
from kanoa_mlops.weights.place import part_path, weights_lock
from kanoa_mlops.weights.prune import Spare, find_spare, obstacle_to, remove_spare
from kanoa_mlops.weights.room import freed_by
from kanoa_mlops.weights.store import locate, remove
from kanoa_mlops.weights.use import in_use, mark_used
from tests.weights.make import MODEL, REPO, Heard, a_file, a_model, noise, some_weights
from tests.weights.people import SOMEBODY, as_somebody, open_folder

ONE = noise(3000)
WEIGHTS = some_weights(a_file(ONE, name="one.gguf"))
DAY = 86400


def place(settings: Settings, name: str = "q4", model: str = MODEL, days_ago: float = 0) -> Path:
    folder = settings.weights_dir / model / name
    folder.mkdir(parents=True)
    (folder / "one.gguf").write_bytes(ONE)
    if days_ago:
        mark_used(folder)
        then = time.time() - days_ago * DAY
        os.utime(folder / "last-used", (then, then))
    return folder


def find(settings: Settings, *models: Model, days: float | None = None) -> list[Spare]:
    since = None if days is None else time.time() - days * DAY
    return find_spare(models or (a_model(WEIGHTS),), settings, since)


def told(found: list[Spare]) -> list[tuple[str, str, int]]:
    return [(each.what, each.why, each.size) for each in found]


def test_an_empty_cache_has_nothing_to_spare(settings: Settings) -> None:
    assert find(settings) == []


def test_what_the_catalog_knows_stays(settings: Settings) -> None:
    place(settings)
    locate(WEIGHTS, MODEL, settings)
    assert find(settings) == []


def test_of_no_model_and_of_no_weights_of_one(settings: Settings) -> None:
    place(settings)
    dropped, stranger = place(settings, "q8"), place(settings, model="stranger")
    found = find(settings)
    assert sorted(told(found)) == [("stranger q4", "in no catalog", 3000), ("tiny q8", "in no catalog", 3000)]
    assert [remove_spare(each) for each in found] == [3000, 3000]
    assert not dropped.exists()
    assert not stranger.parent.exists()
    assert (settings.weights_dir / MODEL / "q4" / "one.gguf").exists()
    assert find(settings) == []


def test_unused_for_so_long_by_the_day_it_was_served_or_came(settings: Settings) -> None:
    served, came = place(settings, days_ago=40), place(settings, "q8")
    os.utime(came / "one.gguf", (time.time() - 20 * DAY,) * 2)
    model = a_model(WEIGHTS).model_copy(
        update={"weights": (WEIGHTS, WEIGHTS.model_copy(update={"name": "q8"}))}
    )
    assert find(settings, model) == find(settings, model, days=41) == []
    assert [each.folder for each in find(settings, model, days=30)] == [served]
    assert len(find(settings, model, days=19)) == 2
    with in_use([served]):
        pass
    assert find(settings, model, days=30) == []


def test_files_that_a_set_no_longer_has(settings: Settings) -> None:
    folder = place(settings)
    locate(WEIGHTS, MODEL, settings)
    mark_used(folder)
    (folder / "below").mkdir()
    for name in ("old-00001.gguf", "old-00001.gguf.verified", "below/old.json", "one.gguf.copy"):
        (folder / name).write_bytes(b"xyz")
    (folder / "link.gguf.link").symlink_to("/nowhere")
    [found] = find(settings)
    assert (found.why, found.size, len(found.paths)) == ("outdated", 12, 5)
    assert remove_spare(found) == 12
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "last-used",
        "one.gguf",
        "one.gguf.verified",
    ]
    assert find(settings) == []


def pin_of(revision: str) -> Pin:
    file = PinnedFile(
        name="one.gguf",
        role="model",
        repo=REPO,
        revision=revision,
        path="one.gguf",
        size=3000,
        sha256="a" * 64,
        git_blob=None,
    )
    return Pin(date=datetime.date(2026, 1, 1), files=(file,))


def test_a_snapshot_of_a_commit_that_is_listed_no_more(settings: Settings) -> None:
    listing = Listing(repo=REPO, revision="1" * 40)
    weights = Weights(name="q4", format="gguf", quantization="q4", hub=listing, source="test")
    folder = place(settings)
    assert find(settings, a_model(weights)) == []  # placed by hand, until a pull pins it
    write_pin(folder, pin_of("1" * 40))
    assert find(settings, a_model(weights)) == []
    write_pin(folder, pin_of("2" * 40))
    [found] = find(settings, a_model(weights))
    assert (found.why, found.paths) == ("outdated", (folder,))
    (folder / "pin.json").write_text("{")  # the next pull asks the hub, and may find all files right
    assert find(settings, a_model(weights)) == []


def test_a_download_that_was_cut_is_named_where_it_can_be(settings: Settings, heard: Heard) -> None:
    for sha256 in (WEIGHTS.files[0].sha256, "f" * 64):
        with open_part(settings, sha256, "one", heard) as part:
            part.append(ONE[:500])
    found = find(settings)
    assert sorted(told(found)) == [("ffffffffffff…", "half fetched", 500), ("tiny q4", "half fetched", 500)]
    with open_part(settings, "f" * 64, "one", heard):
        assert sorted(map(obstacle_to, found)) == ["", "is being fetched"]
    assert [remove_spare(each) for each in found] == [500, 500]
    assert not part_path(settings, "f" * 64).exists()


def test_what_is_served_or_fetched_stays(settings: Settings, heard: Heard) -> None:
    folder = place(settings, model="stranger")
    [found] = find(settings)
    with in_use([folder]):
        assert obstacle_to(found) == "is being served"
        with pytest.raises(UserError, match="is being served"):
            remove_spare(found)
    fetching = weights_lock(settings, "stranger", WEIGHTS)
    with holding(fetching, "stranger", heard):
        assert obstacle_to(found) == "is being fetched"
        with pytest.raises(UserError, match="is being fetched"):
            remove_spare(found)
    assert (folder / "one.gguf").exists()
    assert obstacle_to(found) == ""


def test_on_a_disk_that_does_not_tell_it_goes_by_name_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, kind: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    place(settings, days_ago=40)
    [found] = find(settings, days=30)
    with monkeypatch.context() as patch:
        # Of the locks of folders alone; those of files are the library's, and work on such disks.
        patch.setattr("kanoa_mlops.weights.use.fcntl.flock", no_locks)
        patch.setattr("kanoa_mlops.weights.prune.holding_if_free", lambda path: nullcontext(True))
        patch.setattr("kanoa_mlops.weights.store.holding_if_free", lambda path: nullcontext(True))
        assert "its disk does not tell" in obstacle_to(found)
        assert remove(a_model(WEIGHTS), settings) == 3000


def test_a_file_with_two_names_and_a_link_are_counted_as_the_disk_does(settings: Settings) -> None:
    kept, gone, last = place(settings), place(settings, "q5"), place(settings, "q6")
    for folder in (gone, last):
        (folder / "one.gguf").unlink()
        os.link(kept / "one.gguf", folder / "one.gguf")
    (last / "other.gguf").symlink_to(kept / "one.gguf")
    assert freed_by([gone]) == freed_by([last]) == freed_by([gone, last]) == 0
    assert freed_by([kept, gone, last]) == freed_by([settings.weights_dir]) == 3000
    assert freed_by([settings.cache_dir / "none"]) == 0


@pytest.fixture
def common() -> Iterator[Settings]:
    """A cache that the superuser made, as far as one runs this."""
    with open_folder() as folder:
        os.environ["KANOA_MLOPS_CACHE_DIR"] = str(folder / "cache")
        yield load_settings()


def test_what_others_closed_stays(common: Settings) -> None:
    """Of somebody's own: the folder around it may be another's."""
    folder = place(common, model="stranger")
    if os.geteuid() == 0:
        os.chown(folder, SOMEBODY, SOMEBODY)
    folder.parent.chmod(0o555)
    [found] = find(common)
    with as_somebody():
        assert str(folder.parent) in obstacle_to(found)
        with pytest.raises(UserError, match=r"cannot be used: Permission denied|is being fetched"):
            remove_spare(found)
    folder.parent.chmod(0o755)
    assert folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files to others")
def test_of_no_catalog_of_ours_may_be_of_theirs(common: Settings) -> None:
    """In a cache that all may write, what another made for a catalog of their own stays."""
    place(common, model="mine")
    theirs = place(common, days_ago=40)
    with as_somebody():
        assert [obstacle_to(each) for each in find(common)] == [
            "belongs to root, whose own catalog may know it"
        ]
    for path in (common.cache_dir, *common.cache_dir.rglob("*")):
        path.chmod(0o777)
    with as_somebody():
        [old] = [each for each in find(common, days=30) if each.why == "not used"]
        assert obstacle_to(old) == ""  # a cache that is shared is everybody's to tidy up
        assert remove_spare(old) == 3000
    assert not theirs.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files to others")
def test_in_a_sticky_folder_each_removes_what_is_theirs(common: Settings) -> None:
    folder = place(common, days_ago=40)
    for path in (common.cache_dir, *common.cache_dir.rglob("*")):
        path.chmod(0o777)
    folder.parent.chmod(0o1777)
    [found] = find(common, days=30)
    with as_somebody():
        assert f"{folder.parent} belongs to root" in obstacle_to(found)
    os.chown(folder, SOMEBODY, SOMEBODY)
    with as_somebody():
        assert obstacle_to(found) == ""
