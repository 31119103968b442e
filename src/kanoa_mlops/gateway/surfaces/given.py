"""What a client sent, read strictly into types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from kanoa_mlops.gateway.envelope import ApiError


class Given(BaseModel):
    """Fields nobody here knows are passed over, as the APIs' own servers do."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


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


def _refused(error: ValidationError, path: str) -> ApiError:
    problems = error.errors(include_url=False, include_input=False)
    first = problems[0]
    if first["type"] == "json_invalid":
        why = first["msg"].removeprefix("Invalid JSON: ")
        return ApiError(400, f"The body is not JSON: {why}.", code="invalid_body")
    param = _param(first, path)
    if not param:
        return ApiError(400, "The body must be a JSON object.", code="invalid_body")
    # Of a value that may be one thing or another, each says why it is not that.
    reasons = dict.fromkeys(each["msg"] for each in problems if _param(each, path) == param)
    return ApiError(400, f"'{param}': {', or '.join(reasons)}.", code="invalid_value", param=param)


def _param(problem: ErrorDetails, path: str) -> str:
    names = ""
    for step in problem["loc"]:
        if isinstance(step, int):
            names += f"[{step}]"
        elif step in _ALTERNATIVES or "[" in step:
            break
        else:
            names += f".{step}"
    return (path + names).removeprefix(".")


_ALTERNATIVES = ("str", "bool", "int", "float")  # where pydantic says which of several it tried
