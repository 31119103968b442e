"""What should run, and why. A value: it never knows whether it becomes a process or a container."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.types import EngineId, Kind
from kanoa_mlops.catalog.types.embedding import Pooling
from kanoa_mlops.planner.budget import Budget, Verdict
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.learned import Comparison
from kanoa_mlops.planner.options import Refusal
from kanoa_mlops.planner.setup import Place
from kanoa_mlops.planner.speed import Speed
from kanoa_mlops.planner.wish import CacheType


@dataclass(frozen=True)
class Change:
    """One thing to do otherwise, and what it would give."""

    what: str
    """In words: 'a context of 8192 tokens'."""
    flags: str
    """What to add to the command; '' where the answer lies elsewhere."""
    verdict: Verdict
    need: Estimate
    """Bytes on the device after it."""
    capacity: int
    decode: Estimate | None
    """Tokens a second after it; None where nothing runs here."""
    price: str = ""
    """What is given up."""


@dataclass(frozen=True)
class Plan:
    """The best way to serve a model on a machine, whether it fits or not."""

    model: str
    title: str
    aliases: tuple[str, ...]
    machine: str
    """Its name, for people."""
    machine_key: str
    """`Machine.key` of it."""
    engine: EngineId
    engine_version: str
    weights: str
    quantization: str
    place: Place
    gpus: int
    """Cards that share the model; 1 on unified memory and on the processor."""
    context: int
    """Tokens of one request."""
    sequences: int
    """Requests worked on at once."""
    images: int
    """Images of one request."""
    cache_type: CacheType
    batch: int
    """Tokens computed at once."""
    utilization: float
    """vLLM's share of the visible memory; 0 with other engines."""
    eager: bool
    resident_layers: int | None
    """Layers held on the device, where not all are."""
    host_experts: int
    """Layers whose experts stay in the machine's memory."""
    threads: int
    mapped: bool
    """Weights are mapped from their file; else read into memory, where the engine lays them out anew."""
    sees: bool
    repeat_penalty: float | None
    """Where a request does not say; None leaves it to the engine."""
    remote_code: bool
    """Runs code from the model's repository, once the owner agreed."""
    verdict: Verdict
    budget: Budget
    concurrency: float
    """Requests of full length that the cache holds at once."""
    speed: Speed
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    changes: tuple[Change, ...]
    """What would make it fit, the smallest first; empty where it does."""
    refusals: tuple[Refusal, ...]
    """Engines and weights that cannot be used here."""
    kind: Kind = "chat"
    pooling: Pooling | None = None
    """How one vector is made of those of all tokens, where the model makes vectors."""
    comparisons: tuple[Comparison, ...] = ()
    """Predicted beside measured, where this very case was booted on this machine."""

    @property
    def fits(self) -> bool:
        """It will start, if perhaps slowly."""
        return self.verdict is not Verdict.NO

    @property
    def memory_bytes(self) -> int:
        """Bytes expected in all, on all cards and beside them."""
        device = self.budget.need("device").expected * self.gpus
        return round(device + self.budget.need("host").expected)
