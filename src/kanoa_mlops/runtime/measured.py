"""What engines said of themselves when they booted here, kept on disk: one file a case."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from kanoa_mlops.catalog.types import LearnedRun

_MOST_FILES = 500
"""Cases kept; the oldest make room."""


def remember(run: LearnedRun, folder: Path) -> Path:
    """Keep a run in place of an earlier one of the same case. Whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_case(run)}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(run.model_dump_json(indent=1), encoding="utf-8")
    fresh.replace(path)
    _make_room(folder)
    return path


def recall(folder: Path) -> tuple[LearnedRun, ...]:
    """Every run that can be read; one of another version, or half of one, is passed over."""
    return tuple(run for path in sorted(folder.glob("*.json")) if (run := _read(path)) is not None)


def _read(path: Path) -> LearnedRun | None:
    try:
        return LearnedRun.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _case(run: LearnedRun) -> str:
    """A name for the case that is safe for files and the same every time."""
    parts = (
        run.engine,
        run.weights,
        run.machine,
        str(run.context),
        str(run.sequences),
        run.cache_type,
        str(run.batch),
        str(run.resident_layers),
    )
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{run.model.replace('/', '--')}-{digest}"


def _make_room(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) - _MOST_FILES)]:
        path.unlink(missing_ok=True)
