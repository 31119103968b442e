"""From what the catalog lists of the hub to weights whose every byte is known."""

from __future__ import annotations

import datetime
import hashlib

from kanoa_mlops.catalog.types import Listing, Weights
from kanoa_mlops.errors import OfflineError, SourceFailed, WeightsCorrupted
from kanoa_mlops.settings import Settings
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.blob import git_blob
from kanoa_mlops.weights.choose import choose
from kanoa_mlops.weights.disk import check_room
from kanoa_mlops.weights.download import download
from kanoa_mlops.weights.hub import cached_path, hub_copies, hub_remote
from kanoa_mlops.weights.part import open_part
from kanoa_mlops.weights.pin import Pin, PinnedFile, exact, read_pin, write_pin
from kanoa_mlops.weights.place import part_path, weights_folder
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.repository import Repository, ask_hub
from kanoa_mlops.weights.seal import Seal
from kanoa_mlops.weights.shards import indexed_shards
from kanoa_mlops.weights.siblings import siblings
from kanoa_mlops.weights.web import Web


def pinned(
    weights: Weights, model_id: str, settings: Settings, web: Web, progress: Progress, *, code: bool = False
) -> Weights:
    """The weights by their pin, which is made where there is none. Wants the weights' lock held.

    The small files that the hub keeps in Git are fetched on the way, since it does not know their sha256.

    Args:
        code: of a snapshot, with the Python files of its repository.

    Raises:
        OfflineError: there is no pin, and the network is forbidden.
        WeightsCorrupted: the pin cannot be read, and the network is forbidden.
        SourceFailed: the hub does not answer, or holds other files than are listed.
        AccessRefused: the hub does not give them to this person.
        CatalogError: the listing does not say which files.
        DiskFull, UserError: the cache cannot be written.
    """
    if weights.hub is None:
        return weights
    making = _Pinning(weights, weights.hub, model_id, settings, web, progress, code)
    pin = making.kept() or making.fresh()
    return exact(weights, pin if pin.settled else making.settle(pin))


class _Pinning:
    """Of one set of weights."""

    def __init__(
        self,
        weights: Weights,
        listing: Listing,
        model_id: str,
        settings: Settings,
        web: Web,
        progress: Progress,
        code: bool,
    ) -> None:
        self._weights = weights
        self._listing = listing
        self._model_id = model_id
        self._settings = settings
        self._web = web
        self._progress = progress
        self._code = code
        self._folder = weights_folder(settings, model_id, weights)

    def kept(self) -> Pin | None:
        """The pin of an earlier pull, if it is one of this listing."""
        try:
            pin = read_pin(self._folder)
        except WeightsCorrupted as error:
            if self._settings.offline:
                raise
            self._progress.note(f"{error.message} Asking the hub afresh.")
            return None
        if pin and not pin.answers(self._listing):
            self._progress.note(
                f"The catalog lists other files of {self._model_id} {self._weights.name} than those pinned "
                f"on {pin.date}."
            )
            return None
        return pin

    def fresh(self) -> Pin:
        """A pin of what the hub has now."""
        if self._settings.offline:
            raise OfflineError(
                f"The hub was never asked which files {self._model_id} {self._weights.name} is made of, and "
                "the network is switched off (offline).",
                hint=self._once_online,
            )
        repos = dict.fromkeys([file.repo or self._listing.repo for file in self._listing.files])
        answers = {repo: self._ask(repo) for repo in repos or [self._listing.repo]}
        snapshot = None if self._listing.files else answers[self._listing.repo]
        indexed = indexed_shards(snapshot, self._settings, self._web) if snapshot else frozenset()
        files = choose(self._weights, self._listing, answers, indexed=indexed, code=self._code)
        pin = Pin(date=datetime.date.today(), files=files)
        write_pin(self._folder, pin)
        for repo, answer in answers.items():
            size = sum(file.size for file in files if file.repo == repo)
            self._progress.note(f"Hugging Face {repo} at commit {answer.commit[:12]}: {format_bytes(size)}.")
        return pin

    def settle(self, pin: Pin) -> Pin:
        """The pin with the sha256 of every file."""
        if not self._settings.offline:
            lacking = (file for file in pin.files if not self._holds(file))
            check_room(self._settings.cache_dir, sum(file.size for file in lacking))
        files = tuple(
            file if file.sha256 else file.model_copy(update={"sha256": self._learn(file)})
            for file in pin.files
        )
        settled = pin.model_copy(update={"files": files})
        write_pin(self._folder, settled)
        return settled

    @property
    def _once_online(self) -> str:
        return f"Run `kanoa-mlops pull {self._model_id} --weights {self._weights.name}` once while online."

    def _ask(self, repo: str) -> Repository:
        try:
            return ask_hub(repo, self._listing.revision, self._settings, self._web, self._progress)
        except SourceFailed as error:
            raise SourceFailed(
                f"Hugging Face {repo} {error.message}.", hint=error.hint or self._once_online
            ) from error

    def _holds(self, file: PinnedFile) -> bool:
        """Whether it is on this machine already, whole or in part."""
        places = (
            self._folder / file.name,
            part_path(self._settings, file.checksum),
            *siblings(file.name, self._folder),
            *hub_copies(file.hub, file.sha256, self._settings),
        )
        return any(place.exists() for place in places)

    def _learn(self, file: PinnedFile) -> str:
        """The sha256 of a small file that the hub only knows by Git's name, fetched for that."""
        target = self._folder / file.name
        for copy in (target, cached_path(file.hub, self._settings)):
            if copy.is_file() and git_blob(copy) == file.git_blob:
                return hashlib.sha256(copy.read_bytes()).hexdigest()
        if self._settings.offline:
            raise OfflineError(
                f"{file.name} of {self._model_id} is not on this machine, and the network is switched off "
                "(offline).",
                hint=self._once_online,
            )
        remote = hub_remote(
            file.hub, self._settings, name=file.name, size=file.size, git_blob=file.git_blob or ""
        )
        with open_part(self._settings, file.checksum, file.name, self._progress) as part:
            download(remote, part, self._web, self._progress)
            part.become(target)
            Seal.of(target, part.sha256).write(target)
            return part.sha256
