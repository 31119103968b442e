"""What the names of GGUF files say: which belong together, which is a projector, how they are quantised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kanoa_mlops.catalog.types import Quantization

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_PRECISIONS = ("f16", "bf16", "f32", "q8_0")
"""Of a projector, the preferred first: 32 bits gain nothing over 16."""


@dataclass(frozen=True)
class GgufSet:
    """The parts of one model file, in their order."""

    name: str
    """Without the part's number."""
    paths: tuple[str, ...]


def gguf_sets(names: Iterable[str]) -> list[GgufSet]:
    """Language models among these files; a set with a part missing is left out."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        if name.lower().endswith(".gguf") and not is_projector(name):
            found.setdefault(_PART.sub(".gguf", name), []).append(name)
    return [GgufSet(name, tuple(paths)) for name, paths in found.items() if len(paths) == _parts(paths[0])]


def part_names(name: str) -> tuple[str, ...]:
    """Names of all parts of the file that this one is a part of."""
    match = _PART.search(name)
    if match is None:
        return (name,)
    count = int(match[2])
    return tuple(f"{name[: match.start()]}-{part:05}-of-{count:05}.gguf" for part in range(1, count + 1))


def is_projector(name: str) -> bool:
    return "mmproj" in PurePosixPath(name).name.lower() and name.lower().endswith(".gguf")


def best_projector(names: Iterable[str]) -> str | None:
    """The one projector among these files; None where several differ in more than their precision."""
    projectors = [name for name in names if is_projector(name)]
    if len({_without_precision(name) for name in projectors}) != 1:
        return None
    return min(projectors, key=_precision)


def named_quantization(name: str, quantizations: Mapping[str, Quantization]) -> str | None:
    """The catalog's id of the file type that a name ends in, as in 'model-Q4_K_M.gguf'."""
    words = PurePosixPath(name).name.upper()
    fitting = [
        entry
        for entry in quantizations.values()
        if entry.ggml and re.search(rf"(^|[-_.]){re.escape(entry.ggml.upper())}([-.]|$)", words)
    ]
    # Of two entries of one file type, the one called as the type is; of two types, the longer name.
    fitting.sort(key=lambda entry: (-len(entry.ggml or ""), entry.id != (entry.ggml or "").lower(), entry.id))
    return fitting[0].id if fitting else None


def _parts(name: str) -> int:
    match = _PART.search(name)
    return int(match[2]) if match else 1


def _precision(name: str) -> int:
    words = re.split(r"[-_.]", PurePosixPath(name).name.lower().replace("q8_0", "q80"))
    ranks = [rank for rank, kind in enumerate(_PRECISIONS) if kind.replace("_", "") in words]
    return min(ranks, default=len(_PRECISIONS))


def _without_precision(name: str) -> str:
    return re.sub(r"[-_.]?(bf16|f16|f32|q8_0)(?=[-_.])", "", name.lower())
