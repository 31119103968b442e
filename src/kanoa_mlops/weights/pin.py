"""A pin: what a listing of the hub turned out to be, byte by byte, the first time it was asked for.

Kept beside the weights as `pin.json`. A later pull reads it in place of asking, so that it gives the same
bytes whatever the publisher has changed since, and needs no network to know what is missing.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kanoa_mlops.catalog.fields import Sha256
from kanoa_mlops.catalog.types import HubFile, Listing, Origin, WeightFile, Weights
from kanoa_mlops.catalog.types.weights import FileName, Repo, Revision, Role
from kanoa_mlops.errors import WeightsCorrupted
from kanoa_mlops.weights.disk import disk_errors
from kanoa_mlops.weights.sharing import hand_on, make_folder

PIN_NAME = "pin.json"
_LEAST_SLACK = 2**20


class PinnedFile(BaseModel):
    """A file of the hub at a commit."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: FileName
    role: Role
    repo: Repo
    revision: Revision
    path: str
    """In the repository."""
    size: int = Field(ge=0)
    """Bytes."""
    sha256: Sha256 | None = None
    """None until it is fetched, where the hub knows none."""
    git_blob: str | None = Field(None, pattern=r"^[0-9a-f]{40}$")
    """What Git calls the content, where the hub knows no sha256."""

    @property
    def checksum(self) -> str:
        """What its download is named by."""
        return self.sha256 or self.git_blob or ""

    @property
    def hub(self) -> HubFile:
        return HubFile(repo=self.repo, revision=self.revision, path=self.path)

    @model_validator(mode="after")
    def _some_checksum(self) -> Self:
        if not self.checksum:
            raise ValueError(f"{self.name} has neither sha256 nor git_blob")
        return self


class Pin(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Literal[1] = 1
    """Of the format; another one is not read."""
    date: datetime.date
    """When the hub was asked."""
    files: tuple[PinnedFile, ...] = Field(min_length=1)

    @property
    def settled(self) -> bool:
        """The sha256 of every file is known."""
        return all(file.sha256 for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    def answers(self, listing: Listing) -> bool:
        """Whether it is a pin of this listing, which may have changed since with the catalog."""
        here = [file for file in self.files if file.repo == listing.repo]
        if listing.revision and any(file.revision != listing.revision for file in here):
            return False
        if not listing.files:
            return len(here) == len(self.files) and holds(self.files, listing.size)
        pinned = {(file.repo, file.path, file.role): file.size for file in self.files}
        listed = {(file.repo or listing.repo, file.path, file.role): file.size for file in listing.files}
        return pinned.keys() == listed.keys() and all(
            size in (None, pinned[key]) for key, size in listed.items()
        )


def holds(files: Iterable[PinnedFile], tensors: int | None) -> bool:
    """Whether these files can be a snapshot with so many bytes of tensors; None where none are published.

    Each file has a header besides, which says the name, type and place of every tensor.
    """
    size = tensors_size(files)
    return tensors is None or tensors <= size <= tensors + max(tensors // 100, _LEAST_SLACK)


def tensors_size(files: Iterable[PinnedFile]) -> int:
    """Bytes of the files that hold tensors."""
    return sum(file.size for file in files if file.name.endswith(".safetensors"))


def read_pin(folder: Path) -> Pin | None:
    """None where there is none.

    Raises:
        WeightsCorrupted: it is not what was written, naming the file.
        UserError: it may not be read.
    """
    path = folder / PIN_NAME
    if not path.exists():
        return None
    with disk_errors(path):
        body = path.read_bytes()
    try:
        return Pin.model_validate_json(body)
    except ValidationError as error:
        raise WeightsCorrupted(
            f"{path} cannot be read: it says which bytes these weights are.",
            hint="`kanoa-mlops pull` of this model asks the hub for it afresh.",
        ) from error


def write_pin(folder: Path, pin: Pin) -> None:
    """Whole or not at all.

    Raises:
        DiskFull, UserError: it cannot be written.
    """
    path = folder / PIN_NAME
    fresh = path.with_suffix(".new")
    with disk_errors(path):
        make_folder(folder)
        fresh.write_text(pin.model_dump_json(indent=1, exclude_none=True), encoding="utf-8")
        hand_on(fresh)
        fresh.replace(path)


def exact(weights: Weights, pin: Pin) -> Weights:
    """The weights with every byte known. Wants a settled pin."""
    return weights.model_copy(update={"files": tuple(map(_weight_file, pin.files)), "hub": None})


def known(weights: Weights, folder: Path) -> Weights | None:
    """The weights with every byte known, as far as that can be told without the network.

    Raises:
        WeightsCorrupted: there is a pin, and it cannot be read.
    """
    if weights.hub is None:
        return weights if weights.pinned else None
    pin = read_pin(folder)
    return exact(weights, pin) if pin and pin.settled and pin.answers(weights.hub) else None


def _weight_file(file: PinnedFile) -> WeightFile:
    return WeightFile.model_validate(
        {
            "name": file.name,
            "role": file.role,
            "size": f"{file.size} B",
            "sha256": file.sha256,
            "origins": (Origin(hub=file.hub),),
        }
    )
