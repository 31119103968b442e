"""Where things are in the cache.

    weights/<model id>/<weights name>/<file name>            a whole file, or a link to one kept elsewhere
    weights/<model id>/<weights name>/<file name>.verified   its seal
    weights/<model id>/<weights name>/last-used              empty; when the weights were last served
    downloads/<sha256 of the whole>.part                     a half-done download
    locks/<name>.lock                                        held during a pull; empty, never removed

A part is named by what it will be, so that another origin or a later run goes on where this one stopped.
"""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.catalog.types import Weights
from kanoa_mlops.settings import Settings


def weights_folder(settings: Settings, model_id: str, weights: Weights) -> Path:
    return settings.weights_dir / model_id / weights.name


def part_path(settings: Settings, sha256: str) -> Path:
    return settings.cache_dir / "downloads" / f"{sha256}.part"


def part_lock(settings: Settings, sha256: str) -> Path:
    return settings.cache_dir / "locks" / f"{sha256}.lock"


def weights_lock(settings: Settings, model_id: str, weights: Weights) -> Path:
    return folder_lock(settings, model_id, weights.name)


def folder_lock(settings: Settings, model_id: str, name: str) -> Path:
    """The same by the names of the folders alone, of weights that the catalog no longer knows."""
    return settings.cache_dir / "locks" / f"{model_id}--{name}.lock"
