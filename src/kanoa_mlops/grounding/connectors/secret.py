"""Where the key of a store is found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kanoa_mlops.secret import Secret, checked, read_secret


def secret(environment: Mapping[str, str], variable: str | None, file: Path | None) -> Secret:
    """Of the file, else of the variable; empty where neither is named."""
    if file is not None:
        return read_secret(file, f"what {file} holds")
    if variable is None:
        return Secret()
    text = environment.get(variable, "").strip()
    if not text:
        hint = f"Set {variable} where this runs, or name a file that holds the key."
        return Secret(why=f"there is no key: {variable} is not set.", hint=hint)
    return checked(text, f"what {variable} holds")
