"""Tools and which of them is to be called, as chat completions have them; `file_search` as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import Given, read_part, unserved

_SEARCH = "file_search"
_MODES = ("auto", "none", "required")


class Function(Given):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Allowed(Given):
    mode: str = "auto"
    tools: list[dict[str, Any]]


def tool_fields(tools: Sequence[Mapping[str, Any]], choice: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of a chat completion request.

    A tool that is to be called is the only one the engine hears of: llama.cpp takes no tool by name.

    Raises:
        ApiError: 400 for tools that a service would have to run.
    """
    searches = [dict(tool) for tool in tools if _is_search(tool)]
    functions = [
        _function(tool, f"tools[{index}]") for index, tool in enumerate(tools) if not _is_search(tool)
    ]
    if searches and isinstance(choice, Mapping) and _is_search(choice):
        return {"tools": [*functions, *searches], "tool_choice": {"type": _SEARCH}}
    mode, names = _choice(choice)
    if names is not None:
        functions = [each for each in functions if each["function"]["name"] in names]
        if not functions and not (searches and _SEARCH in names):
            wanted = ", ".join(sorted(names)) or "none"
            raise _bad(f"'tool_choice' wants {wanted}, which is not among 'tools'.")
    if not functions and not searches:
        return {}
    return {"tools": [*functions, *searches]} | ({"tool_choice": mode} if mode else {})


def _is_search(tool: Mapping[str, Any]) -> bool:
    """What the gateway itself runs; its fields are read where that is done."""
    return tool.get("type") == _SEARCH


def _function(tool: Mapping[str, Any], path: str) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise unserved(
            f"A tool of type {tool.get('type')!r} is not run here; "
            "only file_search and functions of your own are taken.",
            f"{path}.type",
        )
    function = read_part(Function, tool, path)
    return {"type": "function", "function": function.model_dump(exclude_none=True)}


def _choice(choice: str | Mapping[str, Any] | None) -> tuple[str, set[str] | None]:
    """The mode, and the names that alone are allowed."""
    if choice is None:
        return "", None
    if isinstance(choice, str):
        return _mode(choice), None
    kind = choice.get("type")
    if kind == "function":
        return "required", {read_part(Function, choice, "tool_choice").name}
    if kind == "allowed_tools":
        allowed = read_part(Allowed, choice, "tool_choice")
        return _mode(allowed.mode), {str(each.get("name") or each.get("type")) for each in allowed.tools}
    raise unserved(f"A tool of type {kind!r} is not run here.", "tool_choice.type")


def _mode(mode: str) -> str:
    if mode not in _MODES:
        raise _bad(f"'tool_choice' must be one of {', '.join(_MODES)}, or an object that names a function.")
    return mode


def _bad(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_value", param="tool_choice")
