"""Models whose repository's code the owner allowed to run, and which code that was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kanoa_mlops.errors import UserError

_Codes = TypeAdapter(dict[str, str])
"""Model -> fingerprint of its code; '' until its code has been fetched."""


class Trust:
    """Kept in one file, that holds nothing where nobody was ever asked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def models(self) -> tuple[str, ...]:
        return tuple(sorted(self._read()))

    def give(self, model: str) -> None:
        """Whatever its code is when it is next looked at."""
        self._write(self._read() | {model: ""})

    def take_back(self, model: str) -> bool:
        """Whether there was any."""
        codes = self._read()
        had = codes.pop(model, None) is not None
        if had:
            self._write(codes)
        return had

    def covers(self, model: str, code: str) -> bool:
        """Whether this is the code that was allowed. The first that is seen is the one that was meant."""
        codes = self._read()
        if codes.get(model) == "":
            self._write(codes | {model: code})
            return True
        return codes.get(model) == code

    def _read(self) -> dict[str, str]:
        try:
            return _Codes.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return {}  # what cannot be read allows nothing

    def _write(self, codes: dict[str, str]) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(_Codes.dump_json(codes, indent=1))
            fresh.replace(self._path)
        except OSError as error:
            raise UserError(f"{self._path} cannot be written: {error.strerror}.") from error


def fingerprint(files: Iterable[Path]) -> str:
    """Of the Python files among these, by name and content; '' where there are none."""
    code = sorted(file for file in files if file.suffix == ".py")
    digest = hashlib.sha256()
    for file in code:
        digest.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest() if code else ""
