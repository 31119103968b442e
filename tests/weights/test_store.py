from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.catalog.types import Weights
from kanoa_mlops.errors import UserError, WeightsCorrupted
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.lock import holding
from kanoa_mlops.weights.part import open_part
from kanoa_mlops.weights.place import part_path, weights_folder, weights_lock
from kanoa_mlops.weights.seal import seal_path
from kanoa_mlops.weights.store import locate, on_disk, remove, verify
from tests.weights.make import MODEL, Heard, a_file, a_model, noise, some_weights
from tests.weights.server import FileServer

ONE = noise(3000)
TWO = noise(2000, seed=2)
WEIGHTS = some_weights(a_file(ONE, name="one.gguf"), a_file(TWO, name="two.gguf"))


def _place(settings: Settings, weights: Weights, **bodies: bytes) -> Path:
    folder = weights_folder(settings, MODEL, weights)
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in bodies.items():
        (folder / f"{name}.gguf").write_bytes(body)
    return folder


def test_files_placed_by_hand_are_verified_and_found(settings: Settings, server: FileServer) -> None:
    assert locate(WEIGHTS, MODEL, settings) is None
    folder = _place(settings, WEIGHTS, one=ONE)
    assert locate(WEIGHTS, MODEL, settings) is None
    _place(settings, WEIGHTS, two=TWO)
    assert locate(WEIGHTS, MODEL, settings) == (folder / "one.gguf", folder / "two.gguf")
    assert seal_path(folder / "one.gguf").exists()
    assert server.log == []


def test_a_flipped_byte_is_named(settings: Settings) -> None:
    folder = _place(settings, WEIGHTS, one=ONE, two=TWO)
    locate(WEIGHTS, MODEL, settings)
    (folder / "two.gguf").write_bytes(TWO[:-1] + bytes([TWO[-1] ^ 1]))
    with pytest.raises(WeightsCorrupted, match=f"{folder}/two.gguf is damaged"):
        locate(WEIGHTS, MODEL, settings)


def test_verify_reads_every_byte(settings: Settings, heard: Heard) -> None:
    folder = _place(settings, WEIGHTS, one=ONE, two=TWO)
    locate(WEIGHTS, MODEL, settings)
    assert verify(WEIGHTS, MODEL, settings, heard) == (folder / "one.gguf", folder / "two.gguf")
    assert [what for what, _, _ in heard.started] == ["checking one.gguf", "checking two.gguf"]


def test_what_is_on_disk_is_counted(settings: Settings, heard: Heard) -> None:
    model = a_model(WEIGHTS)
    assert on_disk([model], settings) == []
    with open_part(settings, WEIGHTS.files[1].sha256, "two", heard) as part:
        part.append(TWO[:500])
    folder = _place(settings, WEIGHTS, one=ONE)
    (found,) = on_disk([model], settings)
    assert (found.model_id, found.weights, found.folder, found.size) == (MODEL, "q4", folder, 5000)
    assert (found.complete, found.bytes_whole, found.bytes_partial) == (False, 3000, 500)
    _place(settings, WEIGHTS, two=TWO)
    assert on_disk([model], settings)[0].complete


def test_remove_frees_files_and_parts_and_nothing_else(
    settings: Settings, heard: Heard, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.gguf"
    theirs.write_bytes(TWO)
    folder = _place(settings, WEIGHTS, one=ONE)
    (folder / "two.gguf").symlink_to(theirs)
    locate(WEIGHTS, MODEL, settings)
    seals = sum(seal_path(folder / name).stat().st_size for name in ("one.gguf", "two.gguf"))
    for sha256 in (WEIGHTS.files[1].sha256, "another"):
        with open_part(settings, sha256, "two", heard) as part:
            part.append(TWO[:500])
    assert remove(a_model(WEIGHTS), settings) == 3000 + 500 + seals
    assert not folder.exists()
    assert theirs.read_bytes() == TWO
    assert part_path(settings, "another").exists()
    assert remove(a_model(WEIGHTS), settings) == 0


def test_what_is_being_fetched_is_not_removed(settings: Settings, heard: Heard) -> None:
    folder = _place(settings, WEIGHTS, one=ONE)
    with (
        holding(weights_lock(settings, MODEL, WEIGHTS), "tiny", heard),
        pytest.raises(UserError, match="tiny q4 is being fetched by another process"),
    ):
        remove(a_model(WEIGHTS), settings)
    assert (folder / "one.gguf").exists()
