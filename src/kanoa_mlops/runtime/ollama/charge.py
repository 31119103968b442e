"""What a runner is given to keep."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.types import Support
from kanoa_mlops.engines.ollama import derived_name
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.ollama.derive import Origin


@dataclass(frozen=True)
class Charge:
    """What is to be kept loaded."""

    plan: Plan
    support: Support
    """What the catalog knows of this engine with this model."""
    origin: Origin

    @property
    def name(self) -> str:
        """Of the derived model: what to ask the daemon for."""
        return derived_name(self.plan)
