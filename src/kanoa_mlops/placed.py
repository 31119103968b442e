"""Configuration that knows where it was written, so that what is found wrong later is shown there too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.marked import Marked, Place
from kanoa_mlops.nearest import meant

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
        # A key that is misspelled is unknown as well as missing; the first of it says more.
        problem = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        place = tuple(step for step in problem["loc"] if not str(step).startswith("("))
        raise file.mistake(place, told(problem), _meant(kind, place, problem)) from error
    remember(model, file, ())
    return model


_NO_NUMBER, _NOT_WHOLE = "it is not a number.", "it is not a whole number."
_NO_ADDRESS = "it is no address; write it as in http://127.0.0.1:8080."
_WORDS = {
    "extra_forbidden": "unknown key.",
    "missing": "it is missing.",
    "model_type": "it is not a mapping of keys to values.",
    "tuple_type": "it is not a list.",
    "too_short": "it is empty.",
    "bool_parsing": "it is neither true nor false.",
    "bool_type": "it is neither true nor false.",
    "float_parsing": _NO_NUMBER,
    "float_type": _NO_NUMBER,
    "int_from_float": _NOT_WHOLE,
    "int_parsing": _NOT_WHOLE,
    "int_type": _NOT_WHOLE,
    "string_type": "it is not text; put it in quotes.",
    "url_parsing": _NO_ADDRESS,
    "url_scheme": _NO_ADDRESS,
    "url_type": _NO_ADDRESS,
}


def told(problem: Any) -> str:
    """One of pydantic's problems, in the words of a file's owner."""
    said = str(problem["msg"]).removeprefix("Value error, ").removesuffix(".")
    return _WORDS.get(problem["type"], f"{said}.".replace("Input should be", "it must be", 1))


def _meant(kind: type[BaseModel], place: Place, problem: Any) -> str:
    """What an unknown key may have been meant to be."""
    if problem["type"] != "extra_forbidden":
        return ""
    known = _keys(kind, place[:-1])
    return meant(str(place[-1]), known) or f"Known here: {', '.join(known)}."


def _keys(kind: type[BaseModel], place: Place) -> list[str]:
    """Of whatever may stand there."""
    models = [kind]
    for name in (step for step in place if isinstance(step, str)):
        fields = (field for each in models for key, field in _fields(each) if key == name)
        models = [found for field in fields for found in _models(field.annotation)]
    return list(dict.fromkeys(key for each in models for key, _ in _fields(each)))


def _fields(kind: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in kind.model_fields.items():
        yield field.alias or name, field


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def remember(value: object, file: Marked, place: Place) -> None:
    """That this, and what is in it, was written there."""
    if isinstance(value, tuple):
        for number, each in enumerate(value):
            remember(each, file, (*place, number))
    elif isinstance(value, Placed):
        value._file, value._place = file, place
        for name, field in type(value).model_fields.items():
            remember(getattr(value, name), file, (*place, field.alias or name))
