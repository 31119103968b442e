"""From a catalog entry to verified files in the cache."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from kanoa_mlops.catalog.types import Origin, WeightFile, Weights
from kanoa_mlops.errors import (
    AccessRefused,
    DiskFull,
    KanoaError,
    OfflineError,
    SourceFailed,
    UserError,
    WeightsCorrupted,
)
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.adopt import adopt
from kanoa_mlops.weights.check import check
from kanoa_mlops.weights.disk import check_room, disk_errors
from kanoa_mlops.weights.hub import cached_copies
from kanoa_mlops.weights.lock import holding
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.pinning import pinned
from kanoa_mlops.weights.place import weights_folder, weights_lock
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.seal import seal_path
from kanoa_mlops.weights.siblings import share_sibling
from kanoa_mlops.weights.sources import Sources, bytes_to_write
from kanoa_mlops.weights.store import discard_parts, verify
from kanoa_mlops.weights.web import Web

_PATIENCE = Patience()


def pull(
    weights: Weights,
    model_id: str,
    settings: Settings,
    progress: Progress,
    patience: Patience = _PATIENCE,
    *,
    code: bool = False,
) -> tuple[Path, ...]:
    """The files of these weights, in the catalog's order, fetched where they are missing or damaged.

    Weights that the catalog only lists are pinned first: the hub is asked once which bytes they are.

    Args:
        code: of a whole snapshot, with the Python files of its repository.

    Raises:
        AccessRefused: the hub does not give them to this person.
        OfflineError: something is missing and the network is forbidden.
        WeightsCorrupted: something is damaged and the network is forbidden.
        DiskFull: before the first byte where that can be known; what was fetched is kept.
        SourceFailed: no origin gave the file.
        UserError: the cache cannot be written.
    """
    if weights.tag:
        raise UserError(
            f"{model_id} {weights.name} is fetched by Ollama's daemon, not by this program.",
            hint=f"Run `ollama pull {weights.tag}`.",
        )
    if whole := _whole(weights, model_id, settings, progress):
        return whole  # asks for no lock: a cache that cannot be written can still be used
    folder = weights_folder(settings, model_id, weights)
    with holding(weights_lock(settings, model_id, weights), f"{model_id} {weights.name}", progress):
        web = Web(settings.certificates, patience)
        weights = pinned(weights, model_id, settings, web, progress, code=code)
        missing = [file for file in weights.files if not _have(file, folder, settings, progress)]
        if missing and settings.offline:
            _fetch_offline(missing, folder, model_id, settings, progress)
        elif missing:
            _fetch_all(missing, folder, settings, progress, patience)
    return tuple(folder / file.name for file in weights.files)


def _whole(
    weights: Weights, model_id: str, settings: Settings, progress: Progress
) -> tuple[Path, ...] | None:
    try:
        return verify(weights, model_id, settings, progress, full=False)
    except WeightsCorrupted:
        return None  # found again, and dealt with, under the lock


def _have(file: WeightFile, folder: Path, settings: Settings, progress: Progress) -> bool:
    """Whether the file is here, in our cache or somewhere else on this machine."""
    target = folder / file.name
    try:
        if check(target, file, progress):
            return True
    except WeightsCorrupted as error:
        if settings.offline:
            raise
        progress.note(f"{error.message} Removing it and fetching it afresh.")
        _remove(target)
    if sibling := share_sibling(file, target, folder):
        progress.note(f"{file.name} is the same as in {sibling.parent}; the disk holds it once.")
        return True
    for copy in cached_copies(file, settings):
        try:
            adopt(copy, file, target, progress)
        except SourceFailed as error:
            progress.note(f"{copy} {error.message}.")
        else:
            progress.note(f"Using {copy} where it is.")
            return True
    return False


def _remove(target: Path) -> None:
    with disk_errors(target):
        target.unlink(missing_ok=True)
        seal_path(target).unlink(missing_ok=True)


def _fetch_all(
    missing: list[WeightFile], folder: Path, settings: Settings, progress: Progress, patience: Patience
) -> None:
    least = sum(min(bytes_to_write(file, origin, settings) for origin in file.origins) for file in missing)
    check_room(settings.cache_dir, least)
    sources = Sources(settings, Web(settings.certificates, patience), progress)
    for file in missing:
        _fetch(file, folder / file.name, file.origins, sources)
        discard_parts([file], settings)


def _fetch(file: WeightFile, target: Path, origins: tuple[Origin, ...], sources: Sources) -> None:
    """From the first origin that has it, saying why the earlier ones had not."""
    failures: list[KanoaError] = []
    told: list[str] = []
    for origin, following in zip_longest(origins, origins[1:]):
        try:
            sources.fetch(file, origin, target)
            return
        except (SourceFailed, AccessRefused, DiskFull) as error:
            failures.append(error)
            told.append(f"{origin} {error.message}" if isinstance(error, SourceFailed) else error.message)
            if following:
                said = f"{told[-1].rstrip('.')}; trying {following}."
                sources.progress.note(" ".join(filter(None, [said, error.hint])))
    for failure in failures:
        if isinstance(failure, DiskFull | AccessRefused):
            raise failure  # what the person can surely change
    hints = [*dict.fromkeys(each.hint for each in failures if each.hint), _by_hand([file], target.parent)]
    raise SourceFailed(
        "\n  ".join([f"{file.name} could not be had:", *told]), hint=" ".join(hints)
    ) from failures[-1]


def _fetch_offline(
    missing: list[WeightFile], folder: Path, model_id: str, settings: Settings, progress: Progress
) -> None:
    """Only files on this machine will do."""
    lacking = [file for file in missing if not _adopt_path(file, folder / file.name, progress)]
    if lacking:
        names = ", ".join(file.name for file in lacking)
        verb = "is" if len(lacking) == 1 else "are"
        raise OfflineError(
            f"{names} of {model_id} {verb} not on this machine, and the network is switched off (offline).",
            hint=f"Run `kanoa-mlops pull {model_id}` once while online. {_by_hand(lacking, folder)}",
        )


def _adopt_path(file: WeightFile, target: Path, progress: Progress) -> bool:
    for origin in file.origins:
        if origin.path is None:
            continue
        try:
            adopt(Path(origin.path), file, target, progress)
            return True
        except SourceFailed as error:
            progress.note(f"{origin} {error.message}.")
    return False


def _by_hand(files: list[WeightFile], folder: Path) -> str:
    names = " and ".join(file.name for file in files)
    they = "it is verified before it is" if len(files) == 1 else "they are verified before they are"
    return f"Or place {names} in {folder} by hand: {they} used."
