"""What in the cache nobody needs any more: found, with a reason each, and removed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.errors import UserError, WeightsCorrupted
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.lock import holding_if_free
from kanoa_mlops.weights.pin import PIN_NAME, known, read_pin
from kanoa_mlops.weights.place import folder_lock, part_lock, weights_folder
from kanoa_mlops.weights.room import freed_by
from kanoa_mlops.weights.seal import SEAL_SUFFIX
from kanoa_mlops.weights.sharing import obstacle, owner
from kanoa_mlops.weights.store import checksums
from kanoa_mlops.weights.use import MARK_NAME, last_used, unused

Why = Literal["in no catalog", "outdated", "not used", "half fetched"]


@dataclass(frozen=True)
class Spare:
    """Something of the cache that can go."""

    what: str
    """For people: 'gemma-3-12b-it q4_k_m'."""
    why: Why
    paths: tuple[Path, ...]
    used: float | None
    """When it was last used, or else came: seconds since the epoch."""
    size: int
    """Bytes free once it alone is gone."""
    lock: Path
    """Held by whoever fetches it."""
    folder: Path | None = None
    """Of the weights; whoever serves them holds it. None for a half-done download."""


def find_spare(models: Iterable[Model], settings: Settings, unused_since: float | None) -> list[Spare]:
    """The largest first.

    Args:
        models: all that are in the catalog.
        unused_since: seconds since the epoch; weights not used since then can go. None leaves all of them.
    """
    wanted = {
        weights_folder(settings, model.id, weights): weights for model in models for weights in model.weights
    }
    found = [
        *(spare for folder in _folders(settings) for spare in _of(folder, wanted, settings, unused_since)),
        *_parts(wanted, settings),
    ]
    return sorted(found, key=lambda spare: -spare.size)


def obstacle_to(spare: Spare) -> str:
    """Why it must stay, in words; '' where it may go. Nothing is touched."""
    if spare.why == "in no catalog" and spare.folder and (name := owner(spare.folder)):
        return f"belongs to {name}, whose own catalog may know it"
    for path in spare.paths:
        for folder in (path.parent, *_folders_below(path)):
            if not _may_remove_from(folder, path):
                return obstacle(folder) or f"{folder} cannot be written"
    try:
        with _at_rest(spare):
            return ""
    except UserError as error:
        return error.message


def remove_spare(spare: Spare) -> int:
    """
    Returns:
        Bytes freed.

    Raises:
        UserError: somebody began to fetch or serve it, or it may not be removed.
    """
    with _at_rest(spare):
        freed = freed_by(spare.paths)
        for path in spare.paths:
            with disk_errors(path):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
    if spare.folder:
        with suppress(OSError):
            spare.folder.parent.rmdir()  # of the model, if it was its last
    return freed


@contextmanager
def _at_rest(spare: Spare) -> Iterator[None]:
    """Nobody fetches or serves it meanwhile.

    Raises:
        UserError: somebody does. Its message follows what it is.
    """
    with ExitStack() as stack:
        if not stack.enter_context(holding_if_free(spare.lock)):
            raise UserError("is being fetched")
        free = stack.enter_context(unused(spare.folder)) if spare.folder else True
        if free is None:
            raise UserError("may be served by somebody: its disk does not tell. `models rm` asks nobody")
        if not free:
            raise UserError("is being served")
        yield


def _folders(settings: Settings) -> Iterator[Path]:
    """Of weights, of whatever model."""
    if settings.weights_dir.is_dir():
        for model in sorted(settings.weights_dir.iterdir()):
            if model.is_dir() and os.access(model, os.R_OK | os.X_OK, effective_ids=True):
                yield from sorted(each for each in model.iterdir() if each.is_dir())


def _of(
    folder: Path, wanted: dict[Path, Weights], settings: Settings, unused_since: float | None
) -> Iterator[Spare]:
    what, used = f"{folder.parent.name} {folder.name}", last_used(folder)

    def spare(why: Why, paths: Sequence[Path]) -> Spare:
        lock = folder_lock(settings, folder.parent.name, folder.name)
        return Spare(what, why, tuple(paths), used, freed_by(paths), lock, folder)

    weights = wanted.get(folder)
    if weights is None:
        yield spare("in no catalog", [folder])
    elif unused_since is not None and (used is None or used < unused_since):
        yield spare("not used", [folder])
    elif _outdated(weights, folder):
        yield spare("outdated", [folder])
    elif left := list(_left_behind(weights, folder)):
        yield spare("outdated", left)


def _outdated(weights: Weights, folder: Path) -> bool:
    """All of it is what the catalog listed once, and lists no more."""
    try:
        pin = read_pin(folder) if weights.hub else None
    except WeightsCorrupted:
        return False  # the next pull asks the hub anew, and may find all files right
    return bool(pin and weights.hub and not pin.answers(weights.hub))


def _left_behind(weights: Weights, folder: Path) -> Iterator[Path]:
    """Files that these weights no longer consist of."""
    try:
        exact = known(weights, folder)
    except WeightsCorrupted:
        return
    if exact is None:
        return
    names = {PIN_NAME, MARK_NAME}
    names |= {name for file in exact.files for name in (file.name, file.name + SEAL_SUFFIX)}
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() and str(path.relative_to(folder)) not in names:
            yield path


def _parts(wanted: dict[Path, Weights], settings: Settings) -> Iterator[Spare]:
    names = dict(_names(wanted))
    for path in sorted((settings.cache_dir / "downloads").glob("*.part")):
        what = names.get(path.stem, f"{path.stem[:12]}…")
        status, lock = path.stat(), part_lock(settings, path.stem)
        yield Spare(what, "half fetched", (path,), status.st_mtime, status.st_size, lock)


def _names(wanted: dict[Path, Weights]) -> Iterator[tuple[str, str]]:
    for folder, weights in wanted.items():
        try:
            exact = known(weights, folder)
        except (WeightsCorrupted, UserError):
            continue
        for sha256 in checksums(exact.files if exact else ()):
            yield sha256, f"{folder.parent.name} {folder.name}"


def _folders_below(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield path
        yield from (each for each in path.rglob("*") if each.is_dir() and not each.is_symlink())


def _may_remove_from(folder: Path, path: Path) -> bool:
    """Whether this account may take something out of a folder."""
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return False
    status, me = folder.stat(), os.geteuid()
    # In a sticky folder, as /tmp is one, everybody writes and each removes what is theirs.
    sticky = status.st_mode & stat.S_ISVTX and me not in (0, status.st_uid)
    return not sticky or path.lstat().st_uid == me
