"""What is on disk: finding it, verifying it, counting it, removing it. Nothing here touches the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.types import Model, WeightFile, Weights
from kanoa_mlops.errors import UserError, WeightsCorrupted
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.check import check
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.lock import holding_if_free
from kanoa_mlops.weights.pin import known
from kanoa_mlops.weights.place import part_lock, part_path, weights_folder, weights_lock
from kanoa_mlops.weights.progress import Progress, SilentProgress
from kanoa_mlops.weights.room import freed_by
from kanoa_mlops.weights.use import unused


@dataclass(frozen=True)
class OnDisk:
    """What is here of one set of weights, judged by sizes alone."""

    model_id: str
    weights: str
    folder: Path
    complete: bool
    """Every file is here and has its size."""
    size: int | None
    """Bytes of the whole; None where neither the catalog nor the hub has said."""
    bytes_whole: int
    """In files that are finished, those linked to elsewhere included."""
    bytes_partial: int
    """In half-done downloads; of a packed file they are packed bytes."""


def locate(weights: Weights, model_id: str, settings: Settings) -> tuple[Path, ...] | None:
    """The files of these weights in the catalog's order, or None while one is missing.

    Raises:
        WeightsCorrupted: a file is not what the catalog says, naming it.
    """
    return verify(weights, model_id, settings, SilentProgress(), full=False)


def verify(
    weights: Weights, model_id: str, settings: Settings, progress: Progress, *, full: bool = True
) -> tuple[Path, ...] | None:
    """As `locate`, but by default every byte is read, however sealed the files are.

    Raises:
        WeightsCorrupted: a file is not what the catalog says, naming it.
    """
    folder = weights_folder(settings, model_id, weights)
    exact = known(weights, folder)
    if exact is None:
        return None  # nobody asked the hub yet which files they are
    paths = tuple(folder / file.name for file in exact.files)
    here = [check(path, file, progress, full=full) for path, file in zip(paths, exact.files, strict=True)]
    return paths if all(here) else None


def on_disk(models: Iterable[Model], settings: Settings) -> list[OnDisk]:
    """What there is of these models; nothing is said of weights of which there is nothing."""
    found = [_count(model.id, weights, settings) for model in models for weights in model.weights]
    return [each for each in found if each.bytes_whole or each.bytes_partial]


def remove(model: Model, settings: Settings) -> int:
    """Delete what is here of a model, half-done downloads too. Of a file kept elsewhere only the link goes.

    Returns:
        Bytes freed.

    Raises:
        UserError: another process pulls or serves it, or the cache cannot be written.
    """
    folder = settings.weights_dir / model.id
    with ExitStack() as stack:
        for weights in model.weights:
            if not stack.enter_context(holding_if_free(weights_lock(settings, model.id, weights))):
                raise UserError(
                    f"{model.id} {weights.name} is being fetched by another process.",
                    hint="Stop it, or wait until it is done.",
                )
            if stack.enter_context(unused(weights_folder(settings, model.id, weights))) is False:
                raise UserError(
                    f"{model.id} {weights.name} is being served, perhaps by another user of this cache.",
                    hint="`kanoa-mlops status` shows what this account serves.",
                )
        freed = 0
        known_files = [_files(weights, settings, model.id) for weights in model.weights]
        with disk_errors(folder):
            if folder.exists():
                freed = freed_by([folder])
                shutil.rmtree(folder)
        return freed + sum(discard_parts(files, settings) for files in known_files)


def discard_parts(files: Iterable[WeightFile], settings: Settings) -> int:
    """Delete the half-done downloads of these files that nobody is at. Bytes freed."""
    freed = 0
    for sha256 in checksums(files):
        path = part_path(settings, sha256)
        if not path.exists():
            continue
        with holding_if_free(part_lock(settings, sha256)) as held, disk_errors(path):
            if held:
                freed += _size(path)
                path.unlink(missing_ok=True)
    return freed


def checksums(files: Iterable[WeightFile]) -> list[str]:
    """Of everything that may be downloaded for these files, each once."""
    every = [
        sha256
        for file in files
        for sha256 in (
            file.sha256,
            *(package.sha256 for origin in file.origins for package in origin.packages),
        )
    ]
    return list(dict.fromkeys(every))


def _count(model_id: str, weights: Weights, settings: Settings) -> OnDisk:
    folder = weights_folder(settings, model_id, weights)
    files = _files(weights, settings, model_id)
    whole = [file.size for file in files if _size(folder / file.name) == file.size]
    return OnDisk(
        model_id=model_id,
        weights=weights.name,
        folder=folder,
        complete=bool(files) and len(whole) == len(files),
        size=sum(file.size for file in files) if files else weights.size,
        bytes_whole=sum(whole),
        bytes_partial=sum(_size(part_path(settings, sha256)) for sha256 in checksums(files)),
    )


def _files(weights: Weights, settings: Settings, model_id: str) -> tuple[WeightFile, ...]:
    """Those that are known byte by byte; none where a pin is missing or cannot be read."""
    try:
        exact = known(weights, weights_folder(settings, model_id, weights))
    except WeightsCorrupted:
        return ()
    return exact.files if exact else ()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
