"""A container for a plan, whichever engine is in it."""

from __future__ import annotations

from collections.abc import Sequence

from kanoa_mlops.catalog.types import Device, Vendor
from kanoa_mlops.engines.container import Container, Mount
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.planner.plan import Plan

_GRAPHICS: dict[Device, Vendor] = {"nvidia": "nvidia", "amd": "amd", "intel": "intel"}


def walls(plan: Plan, way: Contained, mounts: Sequence[Mount]) -> Container:
    return Container(
        image=way.image.reference(plan.engine_version, way.pinned),
        mounts=tuple(mounts),
        graphics=_GRAPHICS.get(way.image.device),
        runtime=way.image.runtime,
        devices=way.image.devices,
        shared_memory=way.image.shared_memory,
    )
