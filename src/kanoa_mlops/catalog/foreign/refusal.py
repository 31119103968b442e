"""Saying what is not understood, and what to do about it."""

from __future__ import annotations

from kanoa_mlops.errors import UnknownArchitecture

_HINT = (
    "Nothing is planned on a guess. Where every layer keeps keys and values, the model's numbers can be "
    "given in a catalog entry of your own: models/NAME.yaml in `catalog_dir`, shaped like those shipped here."
)


def refusal(where: str, what: str, *, hint: str = _HINT) -> UnknownArchitecture:
    """The error to raise: `what` is missing from or not understood in the file called `where`."""
    return UnknownArchitecture(f"{where}: {what}", hint=hint)
