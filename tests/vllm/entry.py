"""A catalog entry of a person's own: a model that is shipped, with weights for vLLM out of a folder here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

import kanoa_mlops

_MODELS = Path(kanoa_mlops.__file__).parent / "catalog" / "data" / "models"


def write_entry(model: str, folder: Path, catalog: Path) -> None:
    """
    Args:
        folder: a checkpoint as transformers keeps it, in BF16.
        catalog: the person's own.
    """
    entry: dict[str, Any] = yaml.safe_load((_MODELS / f"{model}.yaml").read_text())
    entry["weights"].append(
        {
            "name": "bf16",
            "format": "safetensors",
            "quantization": "bf16",
            "source": next(iter(entry["sources"])),
            "files": [_file(path) for path in sorted(folder.iterdir())],
        }
    )
    target = catalog / "models" / f"{model}.yaml"
    target.parent.mkdir(parents=True)
    target.write_text(yaml.safe_dump(entry, sort_keys=False))


def _file(path: Path) -> dict[str, Any]:
    return {
        "name": path.name,
        "size": f"{path.stat().st_size} B",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "origins": [{"path": str(path)}],
    }
