"""A memory budget, line by line, and what it says about fitting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

from kanoa_mlops.planner.estimate import NOTHING, Estimate

Where = Literal["device", "host"]
CACHE = "key-value cache"
"""How the lines begin that grow with context and requests."""


class Verdict(StrEnum):
    FITS = "fits"
    """Even by the upper bound."""
    TIGHT = "tight"
    """By what is expected, not by the upper bound; or with less room than was asked for."""
    OFFLOAD = "offload"
    """Only with part of the model in the machine's slower memory."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """One part of the budget."""

    name: str
    size: Estimate
    """Bytes, on each card where there are several."""
    where: Where
    source: str
    """What the number rests on."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Memory that an engine may fill."""

    where: Where
    total: int
    """Bytes there are."""
    capacity: int
    """Bytes the engine may use, as it counts."""
    rule: str
    """How it counts."""


@dataclass(frozen=True)
class Budget:
    lines: tuple[MemoryLine, ...]
    pools: tuple[Pool, ...]
    """The device first; on the processor or on unified memory it is the only one."""

    def need(self, where: Where) -> Estimate:
        """Bytes of all lines of a pool."""
        return self._needs.get(where, NOTHING)

    @cached_property
    def _needs(self) -> dict[Where, Estimate]:
        sums: dict[Where, list[float]] = {}
        for line in self.lines:
            total = sums.setdefault(line.where, [0.0, 0.0, 0.0])
            total[0] += line.size.expected
            total[1] += line.size.low
            total[2] += line.size.high
        return {where: Estimate(*total) for where, total in sums.items()}

    def pool(self, where: Where) -> Pool | None:
        return next((pool for pool in self.pools if pool.where == where), None)

    @property
    def verdict(self) -> Verdict:
        verdict = Verdict.FITS
        for pool in self.pools:
            need = self.need(pool.where)
            if need.expected > pool.capacity:
                return Verdict.NO
            if need.high > pool.capacity:
                verdict = Verdict.TIGHT
        return verdict

    @property
    def shortfall(self) -> float:
        """Bytes lacking by what is expected, of all pools; 0 where it fits."""
        return sum(max(0.0, self.need(pool.where).expected - pool.capacity) for pool in self.pools)

    @property
    def total(self) -> Estimate:
        """Bytes of everything, on one card and beside it."""
        return self.need("device") + self.need("host")
