"""numpy, which only grounding wants."""

from __future__ import annotations

from typing import Any

from kanoa_mlops.errors import MissingExtra


def numpy() -> Any:
    """
    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import numpy
    except ImportError as error:
        raise missing("numpy") from error
    return numpy


def missing(what: str) -> MissingExtra:
    return MissingExtra(
        f"Grounding needs {what}, which is not installed.", hint="pip install 'kanoa-mlops[grounding]'"
    )
