"""Every refusal of the policy: what is the matter, and when asking again may help."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import NEEDS, BackendView, Need
from kanoa_mlops.gateway.policy.decision import Refuse
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.reach import Barrier, Reach
from kanoa_mlops.gateway.policy.rules import Rules
from kanoa_mlops.gateway.policy.schedule import Place
from kanoa_mlops.nearest import meant

_NOBODY_KNOWS = 60.0
"""Seconds to ask again in, where no time is known at which something changes."""
_CODES: dict[Need, str] = {
    "images": "images_not_supported",
    "context": "context_length_exceeded",
    "tools": "tools_not_supported",
    "structured": "structured_output_not_supported",
}


def unknown_model(name: str | None, pools: Iterable[Pool]) -> Refuse:
    """404, with the nearest names and all that are served."""
    pools = tuple(pools)
    served = ", ".join(pool.model for pool in pools) or "nothing"
    if name is None:
        return Refuse(404, "model_not_found", f"The request names no model. Served: {served}.")
    guess = meant(name, [each for pool in pools for each in pool.names])
    said = f"The model {name!r} is not served here. {guess}".rstrip()
    return Refuse(404, "model_not_found", f"{said} Served: {served}.")


def unable(ask: Ask, pool: Pool, asked: Sequence[BackendView]) -> Refuse:
    """400: no backend in question can ever do it."""
    if not asked:
        what = "hosted backend" if ask.burst == "require" else "backend"
        return Refuse(400, "no_such_backend", f"{pool.model} has no {what}.")
    lack, among = _first_lack(ask, asked)
    return Refuse(400, _CODES[lack], _sentence(lack, ask, pool, among))


def closed(ask: Ask, pool: Pool, barrier: Barrier, rules: Rules, now: float) -> Refuse:
    """What could do it is beyond the LAN, where it may not go: 400, or 429 until there is money."""
    if barrier.kind == "budget":
        wait = _until(rules.budget_renewed_at, now)
        return Refuse(429, "budget_spent", f"Not sent to hosted capacity: {barrier.reason}.", _whole(wait))
    near = [backend for backend in pool.backends if backend.near]
    if ask.burst == "require" or not near:
        return Refuse(400, "burst_not_allowed", f"Hosted capacity is not used: {barrier.reason}.")
    refusal = unable(ask, pool, near)
    return Refuse(400, refusal.code, f"{refusal.message} Hosted capacity could, but {barrier.reason}.")


def nobody_ready(pool: Pool, reach: Reach, rules: Rules, now: float) -> Refuse:
    """503: those that are able do not answer."""
    able = (*reach.near, *reach.far)
    kinds = {backend.state.kind for backend in able}
    code = f"model_{kinds.pop()}" if len(kinds) == 1 else "no_backend_ready"
    states = "; ".join(_state(backend) for backend in able)
    beyond = f" Hosted capacity is not used: {reach.barrier.reason}." if reach.barrier else ""
    times = [backend.state.until for backend in able]
    if reach.barrier and reach.barrier.kind == "budget":
        times.append(rules.budget_renewed_at)
    wait = min(_until(time, now) for time in times)
    return Refuse(503, code, f"{pool.model} cannot answer now: {states}.{beyond}", _whole(wait))


def queue_full(pool: Pool, waiting: int, own: int, seconds: float) -> Refuse:
    """429: by the time given those that wait now have been sent."""
    message = f"{pool.model} is busy and {waiting} requests wait, {own} of them of this key; no more may."
    return Refuse(429, "queue_full", message, _whole(seconds))


def too_late(pool: Pool, place: Place, waited: float) -> Refuse:
    """It has waited as long as it may: 429 for a slot, 503 for a backend that does not answer yet."""
    status: Literal[429, 503] = 429 if place.backend.state.kind in ("ready", "busy") else 503
    message = (
        f"{pool.model}: the request waited for {waited:.0f} s, as long as it may; {_state(place.backend)}."
    )
    return Refuse(status, "queue_timeout", message, _whole(place.seconds))


def _first_lack(ask: Ask, backends: Sequence[BackendView]) -> tuple[Need, Sequence[BackendView]]:
    """What is asked for and none has, of those that have what was asked before it; with these."""
    for need in NEEDS:
        having = [each for each in backends if not each.abilities.lacks(need, ask)]
        if not having:
            return need, backends
        backends = having
    raise AssertionError("one of them is able")


def _sentence(lack: Need, ask: Ask, pool: Pool, among: Sequence[BackendView]) -> str:
    if lack == "images":
        return f"{pool.model} takes no images here."
    if lack == "context":
        room = max(backend.abilities.context_tokens for backend in among)
        return (
            f"The request has about {ask.prompt_tokens} tokens, and {pool.model} takes {room} here, prompt "
            "and answer together. Send less, or serve the model with a longer context."
        )
    return f"{pool.model} {'calls no tools' if lack == 'tools' else 'follows no schema'} here."


def _state(backend: BackendView) -> str:
    if backend.state.kind == "ready":
        return f"{backend.id} is busy with {backend.in_flight} requests"
    why = backend.state.told if backend.near else backend.state.reason
    return f"{backend.id} is {backend.state.kind.replace('_', ' ')}{f' ({why})' if why else ''}"


def _until(time: float | None, now: float) -> float:
    return time - now if time is not None and time > now else _NOBODY_KNOWS


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
