"""A model of the hub that is not in the catalog, from the headers of its files; no weights are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from kanoa_mlops.catalog.foreign.config import model_from_config
from kanoa_mlops.catalog.foreign.tensors import SafetensorsFacts, join_headers
from kanoa_mlops.catalog.types import Model, Quantization
from kanoa_mlops.errors import UnknownArchitecture
from kanoa_mlops.weights.checkpoint_names import checkpoint_files
from kanoa_mlops.weights.gguf_names import gguf_sets
from kanoa_mlops.weights.hub_files import HubFiles
from kanoa_mlops.weights.hub_gguf import model_from_gguf_repository

_LONGEST_INDEX = 2**27
_MOST_HEADERS = 64
"""Of a checkpoint in more files only the index's total is read; the shapes are then the configuration's."""
_AT_ONCE = 8


def model_from_repository(files: HubFiles, quantizations: Mapping[str, Quantization]) -> Model:
    """
    Raises:
        UnknownArchitecture: what its files say is not understood.
        SourceFailed: they could not be read.
    """
    card = files.card
    names = [file.path for file in card.files]
    if shards := checkpoint_files(names):
        if "config.json" not in names:
            raise UnknownArchitecture(
                f"{card.repo} has safetensors files and no config.json.",
                hint="Without it nothing says what the model is. Another repository may have it.",
            )
        return _from_checkpoint(files, shards)
    if sets := gguf_sets(names):
        return model_from_gguf_repository(files, sets, quantizations)
    raise UnknownArchitecture(
        f"{card.repo} holds no whole model in safetensors or GGUF files.",
        hint="Engines here load these two formats; somebody may have converted the model to one.",
    )


def _from_checkpoint(files: HubFiles, shards: tuple[str, ...]) -> Model:
    card = files.card
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        config = threads.submit(files.json, "config.json")
        preprocessor = (
            threads.submit(files.json, "preprocessor_config.json")
            if card.file("preprocessor_config.json")
            else None
        )
        tensors = (
            join_headers(threads.map(files.safetensors_header, shards))
            if len(shards) <= _MOST_HEADERS
            else _index_total(files)
        )
        return model_from_config(
            config.result(),
            name=card.repo,
            tensors=tensors,
            preprocessor=preprocessor.result() if preprocessor else None,
            found=card.found(f"read at commit {card.revision}"),
        )


def _index_total(files: HubFiles) -> SafetensorsFacts | None:
    metadata = files.json("model.safetensors.index.json", limit=_LONGEST_INDEX).get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return SafetensorsFacts(total) if isinstance(total, int) and total > 0 else None
