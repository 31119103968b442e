"""Which of a checkpoint's safetensors files together are the model."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHARD = re.compile(r"-\d+-of-(\d+)\.safetensors$")
# The same weights once more in the publisher's own layout, and what is added to weights of another model.
_ASIDE = ("consolidated", "adapter")


def checkpoint_files(names: Iterable[str]) -> tuple[str, ...]:
    """In their order; none where there are none, or not all of them."""
    files = sorted(
        name
        for name in names
        if name.endswith(".safetensors") and "/" not in name and not name.startswith(_ASIDE)
    )
    shards = [name for name in files if _SHARD.search(name)]
    if not shards:
        return tuple(files[:1]) if len(files) == 1 else tuple(set(files) & {"model.safetensors"})
    counts = {int(match[1]) for name in shards if (match := _SHARD.search(name))}
    return tuple(shards) if counts == {len(shards)} else ()
