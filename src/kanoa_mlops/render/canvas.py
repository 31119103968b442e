"""An empty picture, and a picture written. Wants matplotlib; PNG or SVG by the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kanoa_mlops.errors import MissingExtra, UserError


def require_picture(path: Path) -> None:
    """Before work is done that is to be drawn.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file's ending is neither .png nor .svg.
    """
    canvas(path, (1, 1))


def canvas(path: Path, size: tuple[float, float], across: int = 1) -> tuple[Any, Any]:
    """A figure of this size in inches, and its axes: one, or an array of so many side by side.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file's ending is neither .png nor .svg.
    """
    if path.suffix not in (".png", ".svg"):
        raise UserError(f"{path} ends neither in .png nor in .svg.", hint="Name the picture so.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("Pictures need matplotlib.", hint="pip install 'kanoa-mlops[kanoa]'") from None
    figure = Figure(figsize=size, dpi=150)
    return figure, figure.subplots(1, across)


def write(figure: Any, path: Path) -> None:
    """
    Raises:
        UserError: the file cannot be written.
    """
    from matplotlib import rc_context

    # No date and no chance inside, so that the same values give the same file; text stays text.
    metadata = {"Date": None} if path.suffix == ".svg" else None
    try:
        with rc_context({"svg.hashsalt": "kanoa-mlops", "svg.fonttype": "none"}):
            figure.savefig(path, bbox_inches="tight", metadata=metadata)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
