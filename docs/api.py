"""Writes docs/reference/gateway-api.md from the gateway's own description (gateway/openapi.yaml).

    python -m docs.api

A test fails when what is written is not what the description says now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kanoa_mlops.gateway.openapi import description

PAGE = Path(__file__).parent / "reference" / "gateway-api.md"
_INTRODUCTION = """\
# The gateway's routes, headers and errors

Written by `python -m docs.api` from the description that a running gateway gives at `/openapi.json`
(OpenAPI 3.1). How other APIs than OpenAI's chat completions are answered is in [other APIs](other-apis.md).
"""


def page(document: Mapping[str, Any]) -> str:
    """The whole of docs/reference/gateway-api.md."""
    sections = [
        _INTRODUCTION + "\n" + _line(document["info"]["description"]),
        *_routes(document),
        _keys(document),
        _headers("Headers of a request", document["components"]["parameters"]),
        _headers("Headers of an answer", document["components"]["headers"]),
        _errors(document["x-kanoa-errors"]),
        *_bodies(document),
    ]
    return "\n\n".join(sections) + "\n"


def main() -> None:
    PAGE.write_text(page(description()), encoding="utf-8")


def _routes(document: Mapping[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        rows = [
            (f"`{method.upper()} {path}`", operation["summary"], _body_of(operation), _statuses(operation))
            for path, item in document["paths"].items()
            for method, operation in operations(item)
            if tag["name"] in operation["tags"]
        ]
        title, about = tag["name"].capitalize(), tag["description"]
        yield f"## {title}\n\n{about}\n\n" + _table(("Route", "What it is", "Body", "Statuses"), rows)


def operations(item: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of a path, beside the parameters that all of them have."""
    return ((method, operation) for method, operation in item.items() if method != "parameters")


def _body_of(operation: Mapping[str, Any]) -> str:
    if "requestBody" not in operation:
        return ""
    name = _name_of_body(operation)
    return f"[{name}](#{name.lower()})"


def _name_of_body(operation: Mapping[str, Any]) -> str:
    [media] = operation["requestBody"]["content"].values()
    name: str = media["schema"]["$ref"].rpartition("/")[2]
    return name


def _statuses(operation: Mapping[str, Any]) -> str:
    return " ".join(sorted(operation["responses"]))


def _keys(document: Mapping[str, Any]) -> str:
    schemes = document["components"]["securitySchemes"]
    bearer, other = _line(schemes["bearer"]["description"]), schemes["apiKey"]["description"]
    return f"## Keys\n\n{bearer}\n\n`x-api-key`: {other}"


def _headers(title: str, headers: Mapping[str, Any]) -> str:
    rows = [
        (f"`{name}`", _line(each["description"]), _values(each["schema"])) for name, each in headers.items()
    ]
    return f"## {title}\n\n" + _table(("Header", "What it says", "Values"), rows)


def _errors(errors: Mapping[str, Any]) -> str:
    rows = [
        (f"`{code}`", ", ".join(map(str, each["status"])) or "any", each["means"])
        for code, each in errors.items()
    ]
    about = (
        "In `error.code`, beside `message`, `type`, `param` and `source`: `gateway`, or `engine` where the "
        "engine refuses in its own words. 429 and 503 say in `retry-after` when asking again may help, where "
        "that is known. An error in a stream that has begun is its last event."
    )
    return f"## Errors\n\n{about}\n\n" + _table(("Code", "Status", "What it means"), rows)


def _bodies(document: Mapping[str, Any]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    yield "## Bodies\n\nFields that the gateway itself looks at. Others go on, or are passed over."
    for item in document["paths"].values():
        for _, operation in operations(item):
            if "requestBody" in operation:
                name = _name_of_body(operation)
                yield f"### {name}\n\n" + _fields(schemas[name], schemas)


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    rows = []
    for name, given in schema["properties"].items():
        field = schemas[given["$ref"].rpartition("/")[2]] if "$ref" in given else given
        needed = "required. " if name in schema.get("required", ()) else ""
        about = needed + _line(field.get("description", ""))
        rows.append((f"`{name}`", _values(field), about.strip()))
    return _table(("Field", "Type", ""), rows)


def _values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kinds = schema.get("type", "any")
    return kinds if isinstance(kinds, str) else " or ".join(each for each in kinds if each != "null")


def _line(text: str) -> str:
    return " ".join(text.split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
