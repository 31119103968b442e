"""Configuration that knows where it was written, so that what is found wrong later is shown there too."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.marked import Marked, Place

_Model = TypeVar("_Model", bound="Placed")


class Placed(BaseModel):
    """Frozen; a foreign key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)

    _file: Marked | None = PrivateAttr(default=None)
    _place: Place = PrivateAttr(default=())

    def mistake(self, field: str, message: str, hint: str = "") -> SettingsError:
        """To be raised: names file and line, where it was read from one, and field.

        Args:
            field: as it is spelled in the file; '' for the whole.
        """
        place = (*self._place, field) if field else self._place
        if self._file is None:
            return SettingsError(": ".join([*map(str, place), message]), hint=hint)
        return self._file.mistake(place, message, hint)

    @property
    def folder(self) -> Path:
        """From which relative paths in it are counted."""
        return self._file.path.parent if self._file else Path()


def validated(file: Marked, kind: type[_Model]) -> _Model:
    """The whole document as this.

    Raises:
        SettingsError: it holds what is not understood; names file, line and place.
    """
    try:
        model = kind.model_validate(file.document)
    except ValidationError as error:
        problem = error.errors()[0]
        place = tuple(step for step in problem["loc"] if not str(step).startswith("("))
        raise file.mistake(place, told(problem)) from error
    remember(model, file, ())
    return model


_WORDS = {
    "extra_forbidden": "unknown key.",
    "missing": "it is missing.",
    "model_type": "it is not a mapping of keys to values.",
    "tuple_type": "it is not a list.",
}


def told(problem: Any) -> str:
    """One of pydantic's problems, in the words of a file's owner."""
    said = str(problem["msg"]).removeprefix("Value error, ").removesuffix(".")
    return _WORDS.get(problem["type"], f"{said}.")


def remember(value: object, file: Marked, place: Place) -> None:
    """That this, and what is in it, was written there."""
    if isinstance(value, tuple):
        for number, each in enumerate(value):
            remember(each, file, (*place, number))
    elif isinstance(value, Placed):
        value._file, value._place = file, place
        for name, field in type(value).model_fields.items():
            remember(getattr(value, name), file, (*place, field.alias or name))
