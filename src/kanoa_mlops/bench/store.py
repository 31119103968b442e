"""Runs on disk: one file each, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kanoa_mlops.bench.run import Run

_RUN = TypeAdapter(Run)


def save(run: Run, folder: Path) -> Path:
    """Whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_stem(run)}.json"
    fresh = path.with_suffix(".new")
    fresh.write_bytes(_RUN.dump_json(run, indent=1))
    fresh.replace(path)
    return path


def history(model: str, folder: Path) -> Sequence[Run]:
    """All runs of a model, the oldest first; one that cannot be read is passed over."""
    runs = (_read(path) for path in folder.glob("*.json"))
    return sorted(
        (run for run in runs if run is not None and run.subject.model == model), key=lambda run: run.date
    )


def document(run: Run) -> object:
    """As plain values, for programs."""
    return _RUN.dump_python(run, mode="json")


def _read(path: Path) -> Run | None:
    try:
        return _RUN.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _stem(run: Run) -> str:
    """By model and by microsecond, in an order that a listing keeps."""
    return f"{run.subject.model.replace('/', '--')}-{run.date:%Y%m%dT%H%M%S.%f}"
