"""Consistent hashing with bounded loads: prompts that begin alike go where their beginning is remembered.

The bound is that of Mirrokni, Thorup and Zadimoghaddam, https://arxiv.org/abs/1608.01350: nobody gets more
than 1.25 times an equal share, and what is too much goes to the next choice. The order of choices is by
weighted rendezvous hashing, https://en.wikipedia.org/wiki/Rendezvous_hashing: where a backend comes or goes,
only the prompts that it wins or had move, and no ring is needed for it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from kanoa_mlops.gateway.policy.backend import BackendView

BOUND = 1.25


def affine(prefix: bytes, backends: Sequence[BackendView]) -> BackendView | None:
    """The first choice for this beginning that has a free slot and is not over the bound.

    Args:
        backends: all that are ready, free or not; shares are of these. Where one is free, one is found: the
            least loaded one is always below the bound.
    """
    requests = sum(backend.in_flight for backend in backends) + 1
    slots = sum(backend.slots for backend in backends)
    for backend in sorted(backends, key=lambda each: _score(prefix, each), reverse=True):
        most = math.ceil(BOUND * requests * backend.slots / slots)
        if backend.in_flight < min(most, backend.slots):
            return backend
    return None


def _score(prefix: bytes, backend: BackendView) -> float:
    """Highest for each of n backends as often as it has slots among all."""
    digest = hashlib.blake2b(backend.id.encode(), key=prefix[:64], digest_size=8).digest()
    share = ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52  # 52 bits: never rounded to 1
    return -backend.slots / math.log(share)
