"""A model whose files are on this machine and in no catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kanoa_mlops.catalog.foreign.config import model_from_config
from kanoa_mlops.catalog.foreign.found import Found
from kanoa_mlops.catalog.foreign.gguf import fits_projector, model_from_gguf, quantization_of
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader, join_parts, read_gguf
from kanoa_mlops.catalog.foreign.tensors import (
    SafetensorsFacts,
    StoredTensor,
    header_length,
    join_headers,
    read_header,
)
from kanoa_mlops.catalog.types import Model, Quantization, Weights
from kanoa_mlops.errors import UnknownArchitecture, UserError
from kanoa_mlops.weights.checkpoint_names import checkpoint_files
from kanoa_mlops.weights.gguf_names import best_projector, is_projector, part_names

_CONFIG_FORMAT = "https://huggingface.co/docs/transformers/main_classes/configuration"
_GGUF_FORMAT = "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"
_LARGEST_JSON = 2**27


def model_from_folder(folder: Path, name: str, found: Found | None = None) -> Model:
    """From config.json and, where they are there, the headers of the safetensors files beside it.

    Raises:
        UnknownArchitecture: what they say is not understood.
        UserError: they cannot be read.
    """
    shards = [folder / name for name in checkpoint_files(path.name for path in folder.glob("*.safetensors"))]
    template = folder / "chat_template.jinja"
    tokenizer = _read_json(folder / "tokenizer_config.json", needed=False)
    return model_from_config(
        _read_json(folder / "config.json"),
        name=name,
        tensors=_facts(shards) if shards else None,
        preprocessor=_read_json(folder / "preprocessor_config.json", needed=False),
        found=replace(
            found or Found(_CONFIG_FORMAT, where=f"read from {folder / 'config.json'}"),
            path=str(folder),
            instruct=template.exists() or bool(tokenizer.get("chat_template")),
        ),
    )


def model_from_gguf_file(path: Path, quantizations: Mapping[str, Quantization]) -> Model:
    """From one GGUF file, or a part of one, and from the projector beside it if that belongs to it.

    Raises:
        UnknownArchitecture: what it says is not understood, or it is cut short.
        UserError: it cannot be read.
    """
    if is_projector(path.name):
        raise UnknownArchitecture(
            f"{path} is a vision projector.",
            hint="Give the model's own GGUF file; the projector is found beside it.",
        )
    parts = [path.with_name(name) for name in part_names(path.name)]
    header = join_parts([_read_gguf(part) for part in parts], str(path))
    projector = _projector(path.parent, header)
    files = [(part, "model") for part in parts] + ([(projector[0], "mmproj")] if projector else [])
    quantization = quantization_of(header, quantizations)
    weights = {
        "name": quantization,
        "format": "gguf",
        "quantization": quantization,
        "local": [
            {"path": str(part), "role": role, "size": f"{part.stat().st_size} B"} for part, role in files
        ],
        "tensors": f"{header.bytes()} B",
        "source": "files",
    }
    return model_from_gguf(
        header,
        name=path.stem,
        mmproj=projector[1] if projector else None,
        found=_found(path, header),
        weights=[Weights.model_validate(weights)],
        quantizations=quantizations,
    )


def _found(path: Path, header: GgufHeader) -> Found:
    link, licence = header.metadata.get("general.license.link"), header.metadata.get("general.license")
    return Found(
        _GGUF_FORMAT,
        where=f"read from {path}",
        path=str(path),
        licence=licence if isinstance(licence, str) else "",
        licence_url=link if isinstance(link, str) and link.startswith("https://") else "",
        instruct="tokenizer.chat_template" in header.metadata,
    )


def _projector(folder: Path, header: GgufHeader) -> tuple[Path, GgufHeader] | None:
    """The one beside it that hands over as many numbers as the model takes."""
    name = best_projector(path.name for path in folder.glob("*.gguf"))
    if name is None:
        return None
    mmproj = _read_gguf(folder / name)
    return (folder / name, mmproj) if fits_projector(header, mmproj) else None


def _read_gguf(path: Path) -> GgufHeader:
    try:
        with path.open("rb") as file:
            header = read_gguf(file, str(path))
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    if size < header.file_size:
        raise _cut_short(path, size, header.file_size)
    return header


def _facts(shards: list[Path]) -> SafetensorsFacts:
    return join_headers(_header(path) for path in shards)


def _header(path: Path) -> tuple[StoredTensor, ...]:
    try:
        with path.open("rb") as file:
            length = header_length(file.read(8), str(path))
            tensors = read_header(file.read(length), str(path))
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    whole = 8 + length + sum(tensor.bytes for tensor in tensors)
    if size < whole:
        raise _cut_short(path, size, whole)
    return tensors


def _read_json(path: Path, *, needed: bool = True) -> Mapping[str, Any]:
    """Empty where it is not there and not needed."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise UserError(f"{path} is too large to be what its name says.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if not needed and isinstance(error, FileNotFoundError):
            return {}
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON.") from error
    if not isinstance(document, dict):
        raise UserError(f"{path} should hold an object.")
    return document


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be read: {error.strerror}.")


def _cut_short(path: Path, size: int, whole: int) -> UnknownArchitecture:
    return UnknownArchitecture(
        f"{path} is cut short: it has {size:,} of {whole:,} bytes.", hint="Download it again."
    )
