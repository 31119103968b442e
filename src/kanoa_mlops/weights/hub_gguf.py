"""A repository of GGUF files: usually one model in many quantisations, each of which it offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from kanoa_mlops.catalog.foreign.gguf import fits_projector, model_from_gguf, quantization_of
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader, join_parts
from kanoa_mlops.catalog.types import Model, Quantization, Weights
from kanoa_mlops.weights.gguf_names import GgufSet, best_projector, named_quantization
from kanoa_mlops.weights.hub_files import HubFiles
from kanoa_mlops.weights.repository_card import CardFile, RepositoryCard


def model_from_gguf_repository(
    files: HubFiles, sets: Sequence[GgufSet], quantizations: Mapping[str, Quantization]
) -> Model:
    """The smallest set tells what the model is; the others are the same in other bits, as their names say.

    Raises:
        UnknownArchitecture: what the header says is not understood.
        SourceFailed: it could not be read.
    """
    card = files.card
    named = {each: named_quantization(each.name, quantizations) for each in sets}
    told = min([each for each in sets if named[each]] or sets, key=lambda each: _cost(each, card))
    header = join_parts([files.gguf_header(path) for path in told.paths], card.repo)
    projector = best_projector(file.path for file in card.files)
    mmproj = files.gguf_header(projector) if projector else None
    if mmproj is None or not fits_projector(header, mmproj):
        projector = mmproj = None
    weights = [_weights(told, quantization_of(header, quantizations), projector, card, header)]
    weights += [
        _weights(each, quantization, projector, card, None)
        for each, quantization in named.items()
        if quantization and each is not told
    ]
    found = card.found(f"read from {told.paths[0]} at commit {card.revision}")
    template = "tokenizer.chat_template" in header.metadata
    return model_from_gguf(
        header,
        name=card.repo,
        mmproj=mmproj,
        found=replace(found, instruct=found.instruct or template),
        weights=_ranked(weights, quantizations),
        quantizations=quantizations,
    )


def _cost(each: GgufSet, card: RepositoryCard) -> tuple[int, int]:
    """One header is less to read than several."""
    return len(each.paths), sum(_file(card, path).size or 0 for path in each.paths)


def _weights(
    parts: GgufSet,
    quantization: str,
    projector: str | None,
    card: RepositoryCard,
    header: GgufHeader | None,
) -> Weights:
    roles = [(path, "model") for path in parts.paths] + ([(projector, "mmproj")] if projector else [])
    files = [(_file(card, path), role) for path, role in roles]
    document: dict[str, Any] = {
        "name": quantization,
        "format": "gguf",
        "quantization": quantization,
        "tensors": f"{header.bytes()} B" if header else None,
        "source": "files",
    }
    if all(file.sha256 and file.size for file, _ in files):
        document["files"] = [_pinned(file, role, card) for file, role in files]
    else:
        listed = [{"path": file.path, "role": role, "size": _bytes(file.size)} for file, role in files]
        document["hub"] = {"repo": card.repo, "revision": card.revision, "files": listed}
    return Weights.model_validate(document)


def _pinned(file: CardFile, role: str, card: RepositoryCard) -> dict[str, Any]:
    hub = {"repo": card.repo, "revision": card.revision, "path": file.path}
    return {
        "name": PurePosixPath(file.path).name,
        "role": role,
        "size": _bytes(file.size),
        "sha256": file.sha256,
        "origins": [{"hub": hub}],
    }


def _ranked(weights: Sequence[Weights], quantizations: Mapping[str, Quantization]) -> list[Weights]:
    """The best quality first; of several in one quantisation the first."""
    unique: dict[str, Weights] = {}
    for each in weights:
        unique.setdefault(each.name, each)
    return sorted(unique.values(), key=lambda each: -quantizations[each.quantization].quality)


def _file(card: RepositoryCard, path: str) -> CardFile:
    return card.file(path) or CardFile(path, None, None)


def _bytes(size: int | None) -> str | None:
    return None if size is None else f"{size} B"
