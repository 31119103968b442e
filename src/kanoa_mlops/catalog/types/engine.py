"""An engine: what it reads, where it runs, and the constants its memory and speed are planned with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kanoa_mlops.catalog.types.base import Count, Entry, Id, Sourced, SourceName, Tokens
from kanoa_mlops.catalog.types.weights import Format

EngineId = Literal["vllm", "llama.cpp", "ollama"]
Vendor = Literal["nvidia", "amd", "apple", "intel"]
Device = Literal["nvidia", "amd", "apple", "intel", "cpu"]


class Constant(Entry):
    """A number with its unit, and what it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    unit: str
    why: str
    """What it stands for."""
    fitted_on: str = ""
    """The rows it was chosen on; they prove nothing about it."""
    source: SourceName


class DriverMinimum(Entry):
    vendor: Vendor
    version: str
    source: SourceName


class Engine(Sourced):
    id: EngineId
    title: str
    version: str
    """The one we pin and test."""
    formats: tuple[Format, ...]
    quantizations: tuple[Id, ...]
    """Of those formats, what it can run at all."""
    devices: dict[Device, Count]
    """Where it runs, and its rank among engines there: 1 is the fastest."""
    refuses: dict[Device, dict[Id, str]] = Field(default_factory=dict)
    """Where it runs -> quantisation that it does not run there -> why."""
    drivers: tuple[DriverMinimum, ...] = ()
    constants: dict[str, Constant] = Field(default_factory=dict)
    source: SourceName

    def __getitem__(self, constant: str) -> float:
        return self.constants[constant].value


class Support(Entry):
    """How an engine serves one model."""

    since: str | None = None
    """The first version that knows the architecture."""
    until: str | None = None
    """The last one, where support was removed."""
    remote_code: bool = False
    """Runs code from the model's repository; asked of the owner first."""
    quirk: str = ""
    """What must be done differently for this model, and why."""
    extra_bytes: int = 0
    """Held beside the weights, as measured."""
    most_sequences: int | None = None
    """More at once fail to start."""
    most_image_tokens: Tokens | None = None
    """The engine shrinks images to this, where the model itself would take more."""
    source: SourceName
