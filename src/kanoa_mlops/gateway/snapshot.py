"""The gateway as it is at this moment: its backends and queues, for whoever looks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.policy.backend import State


@dataclass(frozen=True)
class Standing:
    """One backend."""

    backend: Backend
    state: State
    in_flight: int
    service_seconds: float | None
    """What one request takes there on average."""


@dataclass(frozen=True)
class Snapshot:
    backends: Sequence[Standing]
    queued: dict[str, int]
    """Requests that wait, by model."""


def report(snapshot: Snapshot) -> dict[str, Any]:
    """For people and programs; never an address or a key."""
    return {"backends": [_report(each) for each in snapshot.backends], "queued": snapshot.queued}


def _report(each: Standing) -> dict[str, Any]:
    backend, state = each.backend, each.state
    until = None if state.until is None else max(0.0, round(state.until - time.monotonic(), 1))
    return {
        "id": backend.id,
        "model": backend.model,
        "tier": backend.tier,
        "engine": backend.engine,
        "state": state.kind,
        "reason": state.told if backend.near else state.reason,
        "seconds_left": until,
        "in_flight": each.in_flight,
        "capacity": backend.slots,
        "service_seconds": each.service_seconds and round(each.service_seconds, 3),
    }
