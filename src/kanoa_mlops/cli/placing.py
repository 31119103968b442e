"""Weights on disk, as an engine is given them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.engines.site import WeightFiles
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.place import weights_folder


def placed(model: Model, weights: Weights, settings: Settings, files: Sequence[Path]) -> WeightFiles:
    """Verified files in their folder; links to a cache of another program are told apart."""
    folder = weights_folder(settings, model.id, weights)
    names = tuple(str(file.relative_to(folder)) for file in files)
    links = {name: file.resolve() for name, file in zip(names, files, strict=True) if file.is_symlink()}
    return WeightFiles(folder, names, links)


def to_be_placed(model: Model, weights: Weights, settings: Settings) -> WeightFiles:
    """The same before anything was fetched, by the names the catalog knows."""
    listed = weights.hub.files if weights.hub else ()
    names = [file.name for file in weights.files] or [PurePosixPath(file.path).name for file in listed]
    return WeightFiles(weights_folder(settings, model.id, weights), tuple(names))
