"""What llama.cpp says of its memory, read from its log."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MIB = 2**20
_SIZE = r"= *([\d.]+) MiB"
_MODEL = re.compile(r"load_tensors: .* model buffer size " + _SIZE)
_REPACKED = re.compile(r"load_tensors: .*_REPACK model buffer size " + _SIZE)
_CACHE = re.compile(r"llama_kv_cache(?P<sliding>_iswa: creating +SWA KV cache|: size " + _SIZE + ")")
_COMPUTE = re.compile(r"sched_reserve: .* compute buffer size " + _SIZE)
_OUTPUT = re.compile(r"llama_context: .* output buffer size " + _SIZE)
_PROJECTOR = re.compile(r"load_hparams: model size: *([\d.]+) MiB")
_PROJECTOR_COMPUTE = re.compile(r"reserve_compute_meta: .* compute buffer size " + _SIZE)


@dataclass(frozen=True)
class Words:
    """Bytes, to the hundredth of a MiB that llama.cpp prints; 0 where it says nothing."""

    model: int
    """Mapped or loaded, repacked copies not counted. A dry run says 0."""
    repacked: int
    cache: int
    """Of attention to everything."""
    sliding_cache: int
    compute: int
    output: int
    projector: int
    projector_compute: int


def parse(log: str) -> Words:
    """Sums over devices and buffers."""
    repacked = _sum(_REPACKED, log)
    cache, sliding = _caches(log)
    return Words(
        model=_sum(_MODEL, log) - repacked,
        repacked=repacked,
        cache=cache,
        sliding_cache=sliding,
        compute=_sum(_COMPUTE, log),
        output=_sum(_OUTPUT, log),
        projector=_sum(_PROJECTOR, log),
        projector_compute=_sum(_PROJECTOR_COMPUTE, log),
    )


def _caches(log: str) -> tuple[int, int]:
    """Full and sliding: a model with both announces the sliding one after the other."""
    sizes = [0.0, 0.0]
    sliding = False
    for found in _CACHE.finditer(log):
        if found[2] is None:
            sliding = True
        else:
            sizes[sliding] += float(found[2])
    return round(sizes[0] * _MIB), round(sizes[1] * _MIB)


def _sum(pattern: re.Pattern[str], log: str) -> int:
    return round(sum(map(float, pattern.findall(log))) * _MIB)
