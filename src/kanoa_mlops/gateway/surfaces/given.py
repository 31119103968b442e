"""What a client sent, read strictly into types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from kanoa_mlops.gateway.envelope import ApiError


class Given(BaseModel):
    """Fields nobody here knows are passed over, as the APIs' own servers do."""

    # Built when the first of its kind comes: most gateways never see most of them.
    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )


G = TypeVar("G", bound=Given)


def read(kind: type[G], raw: bytes) -> G:
    """A body as `kind`.

    Raises:
        ApiError: 400, naming the field.
    """
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        raise _refused(error, "") from error


def read_part(kind: type[G], part: Mapping[str, Any], path: str) -> G:
    """One part of a body, which stands at `path` in it.

    Raises:
        ApiError: 400, naming the field.
    """
    try:
        return kind.model_validate(part)
    except ValidationError as error:
        raise _refused(error, path) from error


def unserved(message: str, param: str) -> ApiError:
    """The request is sound, and asks for what is not to be had here."""
    return ApiError(400, message, code="unsupported_value", param=param)


_ALTERNATIVES = ("str", "bool", "int", "float")  # where pydantic says which of several it tried
_MUST_BE = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


def _refused(error: ValidationError, path: str) -> ApiError:
    problems = error.errors(include_url=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        why = problems[0]["msg"].removeprefix("Invalid JSON: ")
        return ApiError(400, f"The body is not JSON: {why}.", code="invalid_body")
    # Of a value that may be one thing or another, the deepest complaint is of the one that was meant.
    param = max((_param(each, path) for each in problems), key=len)
    if not param:
        return ApiError(400, "The body must be a JSON object.", code="invalid_body")
    message = _message(param, [each for each in problems if _param(each, path) == param])
    return ApiError(400, message, code="invalid_value", param=param)


def _message(param: str, problems: Sequence[ErrorDetails]) -> str:
    if all(each["type"] in _MUST_BE for each in problems):
        wanted = dict.fromkeys(_MUST_BE[each["type"]] for each in problems)
        return f"'{param}' must be {' or '.join(wanted)}."
    if problems[0]["type"] == "missing":
        return f"'{param}' is required."
    return f"'{param}': {problems[0]['msg']}."


def _param(problem: ErrorDetails, path: str) -> str:
    names = ""
    for step in problem["loc"]:
        if isinstance(step, int):
            names += f"[{step}]"
        elif step not in _ALTERNATIVES and "[" not in step:
            names += f".{step}"
    return (path + names).removeprefix(".")
