"""The same file in other weights of the same model: engines make several formats of one checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kanoa_mlops.catalog.types import WeightFile
from kanoa_mlops.weights.seal import Seal, is_sealed
from kanoa_mlops.weights.sharing import make_folder


def siblings(name: str, folder: Path) -> Iterator[Path]:
    """Files of this name beside a folder of weights; what is in them is not looked at."""
    try:
        folders = sorted(folder.parent.iterdir())
    except OSError:
        return
    for other in folders:
        path = other / name
        if other != folder and path.is_file() and not path.is_symlink():
            yield path


def share_sibling(file: WeightFile, target: Path, folder: Path) -> Path | None:
    """Let the target be a verified file of other weights too, so that the disk holds it once.

    Returns:
        That file; None where there is none, or the disk knows no second names.
    """
    for path in siblings(file.name, folder):
        try:
            if not is_sealed(path, file.sha256):
                continue
            make_folder(target.parent)
            os.link(path, target)
            Seal.of(target, file.sha256).write(target)
            return path
        except OSError:
            continue
    return None
