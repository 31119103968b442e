"""A machine as people buy or rent it, before it is at hand."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from kanoa_mlops.catalog.fields import Bytes, BytesPerSecond, Count, Flops, Id, Share, SourceName
from kanoa_mlops.catalog.types.base import Entry, Sourced
from kanoa_mlops.catalog.types.engine import EngineId, Vendor


class LinkFacts(Entry):
    kind: Literal["pcie", "oculink", "usb4", "thunderbolt", "on-chip"]
    generation: int | None = None
    width: int | None = None
    bandwidth: BytesPerSecond
    """One way, as measured for tunnels, by the standard for slots."""
    decode_share: Share = 1.0
    """Of the decode speed in a full slot that is left over this link, as measured."""
    source: SourceName


class AcceleratorFacts(Entry):
    vendor: Vendor
    name: str
    """As its driver calls it: 'NVIDIA GeForce RTX 5080'."""
    also: tuple[str, ...] = ()
    """Other names drivers give it."""
    count: Count = 1
    memory_nominal: Bytes
    """The number on the box."""
    memory_visible: Bytes
    """What an engine sees. On unified memory, what it may take of it."""
    bandwidth: BytesPerSecond
    flops: Flops
    """Dense 16-bit, without sparsity."""
    capability: str | None = None
    source: SourceName


class HostFacts(Entry):
    system: Literal["Linux", "Darwin", "Windows"]
    architecture: Literal["x86_64", "arm64", "aarch64"]
    cpu: str
    cores: Count
    memory: Bytes
    bandwidth: BytesPerSecond
    source: SourceName


class HostedModel(Entry):
    """A model that a provider serves; nothing runs here."""

    model: Id
    provider: Id


class Platform(Sourced):
    id: Id
    title: str
    kind: Literal["egpu", "desktop", "laptop", "server", "cloud", "edge", "apple", "cpu", "hosted"]
    aliases: tuple[str, ...] = ()
    host: HostFacts | None = None
    accelerator: AcceleratorFacts | None = None
    link: LinkFacts | None = None
    unified: bool = False
    engines: tuple[EngineId, ...] = ()
    """Those that run there, the fastest first."""
    refuses: dict[str, str] = Field(default_factory=dict)
    """Quantisation -> why it does not work there."""
    hosted: tuple[HostedModel, ...] = ()
    note: str = ""
    roadmap: bool = Field(default=False)
    """A row of the roadmap's own matrix."""

    @model_validator(mode="after")
    def _is_a_machine_or_hosted(self) -> Self:
        if (self.kind == "hosted") != (self.host is None) or (self.kind == "hosted") != bool(self.hosted):
            raise ValueError("a platform has a host, or is hosted and lists its models")
        return self
