"""What engines say of their own memory, read from their logs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MIB = 2**20
_SIZE = r"= *([\d.]+) MiB"
_SIZE_GIB = r"([\d.]+) (?:GiB|GB)"
_MODEL = re.compile(r"load_tensors: .* model buffer size " + _SIZE)
_REPACKED = re.compile(r"load_tensors: .*_REPACK model buffer size " + _SIZE)
_CACHE = re.compile(r"llama_kv_cache(?P<sliding>_iswa: creating +SWA KV cache|: size " + _SIZE + ")")
_COMPUTE = re.compile(r"sched_reserve: .* compute buffer size " + _SIZE)
_OUTPUT = re.compile(r"llama_context: .* output buffer size " + _SIZE)
_PROJECTOR = re.compile(r"load_hparams: model size: *([\d.]+) MiB")
_PROJECTOR_COMPUTE = re.compile(r"reserve_compute_meta: .* compute buffer size " + _SIZE)


# vLLM, whose sentences changed little from version to version.
_LOADING = re.compile(r"[Mm]odel loading took " + _SIZE_GIB)
_POOL = re.compile(r"Available KV cache memory: (-?[\d.]+) GiB")
_TOKENS = re.compile(r"(?:GPU|CPU) KV cache size: ([\d,]+) tokens")
_GRAPHS = re.compile(r"Graph capturing finished in .* took (-?[\d.]+) GiB")


@dataclass(frozen=True)
class Words:
    """What llama.cpp says. Bytes, to the hundredth of a MiB that it prints; 0 where it says nothing."""

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


@dataclass(frozen=True)
class PagedWords:
    """What vLLM says. Bytes, and tokens; None where it says nothing."""

    model: int | None
    pool: int | None
    tokens: int | None
    graphs: int | None


def parse_paged(log: str) -> PagedWords:
    """Of the last start in the log."""
    return PagedWords(
        model=_last_gib(_LOADING, log),
        pool=_last_gib(_POOL, log),
        tokens=int(found[-1].replace(",", "")) if (found := _TOKENS.findall(log)) else None,
        graphs=_last_gib(_GRAPHS, log),
    )


def _last_gib(pattern: re.Pattern[str], log: str) -> int | None:
    found = pattern.findall(log)
    return round(float(found[-1]) * 2**30) if found else None


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
