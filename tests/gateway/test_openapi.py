"""What the gateway says of itself, held against its code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.library import asked
from kanoa_mlops.gateway.openapi import described, description
from kanoa_mlops.gateway.policy.backend import Kind
from kanoa_mlops.gateway.surfaces.given import Given
from kanoa_mlops.gateway.surfaces.ollama import request as ollama
from kanoa_mlops.gateway.surfaces.responses.request import ResponsesRequest
from tests.gateway.conftest import Door

GATEWAY = Path(__file__).parents[2] / "src/kanoa_mlops/gateway"
METHODS = {"get", "post", "put", "delete", "patch"}
OURS = re.compile(
    r"x-(?!ratelimit|gzip)[a-z-]+[a-z]|retry-after(-ms)?|www-authenticate|allow|forwarded|authorization"
)
PROVIDERS = GATEWAY / "policy/limited.py"
"""Reads headers of others."""
BUILT: dict[str, tuple[str, ...]] = {
    "model_": tuple(each for each in get_args(Kind) if each != "ready"),
    "too_many_": ("images", "videos", "audios"),
}
"""Codes that are put together, by their beginning."""


def trees() -> Iterator[ast.AST]:
    for path in GATEWAY.rglob("*.py"):
        if path != PROVIDERS:
            yield ast.parse(path.read_text(encoding="utf-8"))


def nodes() -> Iterator[ast.AST]:
    for tree in trees():
        yield from ast.walk(tree)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in description()["paths"].items():
        for method in METHODS & set(item):
            yield method.upper(), path, item[method]


async def test_every_route_is_described_and_no_other(door: Door) -> None:
    answered = set(door.app.handle.handlers)
    assert {(method, path) for method, path, _ in operations()} == answered
    listed = {tuple(each.split()) for each in routes.LISTED}
    assert listed == answered - set(routes.OLLAMA_REFUSED)


async def test_it_is_told_with_the_version(door: Door) -> None:
    answer = await door.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document = described("1.2.3")
    assert document["info"]["version"] == "1.2.3"
    assert answer.text == json.dumps(document)


def test_every_reference_leads_somewhere() -> None:
    found = list(references(description()))
    assert len(found) > 100
    for reference in found:
        value: Any = description()
        for step in reference.removeprefix("#/").split("/"):
            value = value[step]
    parts = {kind: names for kind, names in description()["components"].items() if kind != "securitySchemes"}
    unused = {f"#/components/{kind}/{name}" for kind, names in parts.items() for name in names} - set(found)
    assert unused == {"#/components/responses/WrongMethod"}  # of methods that are not described


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_header_is_described_and_no_other() -> None:
    components = description()["components"]
    schemes = components["securitySchemes"]
    incoming = {*components["parameters"], schemes["apiKey"]["name"], "authorization"}
    proxied = {"forwarded", "x-forwarded-for"}
    assert all(name in schemes["bearer"]["description"] for name in {*proxied, "authorization"})
    outgoing = set(components["headers"])
    read, told, named = headers_of_the_code()
    assert read <= incoming
    assert told == outgoing
    assert named == incoming | outgoing | proxied


def headers_of_the_code() -> tuple[set[str], set[str], set[str]]:
    """Asked of requests, put into answers, and all that are named."""
    asked, told, named = set[str](), set[str](), set[str]()
    for node in nodes():
        named |= ours([node])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            asked |= ours(node.args[:1])
        if isinstance(node, ast.Dict):
            told |= ours(node.keys)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            told |= ours([node.slice])
    return asked, told, named


def ours(found: Sequence[ast.AST | None]) -> set[str]:
    return {word for node in found for word in literal(node) if OURS.fullmatch(word)}


def literal(node: ast.AST | None) -> Iterator[str]:
    """The string that it is, if it is one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_every_error_is_described_and_no_other() -> None:
    errors = description()["x-kanoa-errors"]
    found: dict[str, set[int]] = {code: set() for code in named_codes()}
    for status, code in codes_of_the_code():
        found[code] = found.get(code, set()) | ({status} if status else set())
    assert set(errors) == set(found)
    for code, statuses in found.items():
        assert statuses <= set(errors[code]["status"]), code
        assert errors[code]["means"].endswith(".")
    for each in errors.values():
        assert {str(status) for status in each["status"]} - {"405"} <= described_statuses()


def described_statuses() -> set[str]:
    return {status for _, _, operation in operations() for status in operation["responses"]}


def named_codes() -> Iterator[str]:
    """Those that the policy keeps in a table, and the word for engines that have none."""
    for node in nodes():
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id == "_CODES"
        ):
            assert isinstance(node.value, ast.Dict)
            for value in node.value.values:
                yield from literal(value)
        if isinstance(node, ast.FunctionDef) and node.name == "_code":
            for each in ast.walk(node):
                if isinstance(each, ast.Return):
                    yield from literal(each.value)


def codes_of_the_code() -> Iterator[tuple[int | None, str]]:
    """Status, where it is written down, and code of every refusal."""
    for tree in trees():
        local = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                status = first.value if isinstance(first, ast.Constant) else None
                for code in words(code_of(node.func.id, node), local):
                    yield (status if isinstance(status, int) else None), code


def code_of(called: str, node: ast.Call) -> ast.expr | None:
    if called == "ApiError":
        return {each.arg: each.value for each in node.keywords}["code"]
    if called == "Refuse":
        return node.args[1]
    return node.args[2] if called == "_error" and len(node.args) == 3 else None


def words(node: ast.expr | None, local: Mapping[str, ast.expr]) -> Iterator[str]:
    """All that an expression may come to."""
    if isinstance(node, ast.IfExp):
        yield from words(node.body, local)
        yield from words(node.orelse, local)
    elif isinstance(node, ast.JoinedStr):
        [begin] = literal(node.values[0])
        yield from (begin + each for each in BUILT[begin])
    elif isinstance(node, ast.Name):
        yield from words(local.get(node.id), local)
    else:
        yield from literal(node)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Responses", ResponsesRequest),
        ("OllamaChat", ollama.ChatRequest),
        ("OllamaGenerate", ollama.GenerateRequest),
        ("OllamaEmbed", ollama.EmbedRequest),
        ("OllamaEmbeddings", ollama.EmbeddingsRequest),
        ("OllamaShow", ollama.ShowRequest),
        ("StoreCreated", asked.StoreCreated),
        ("StoreChanged", asked.StoreChanged),
        ("Attached", asked.Attached),
        ("Described", asked.Described),
        ("BatchCreated", asked.BatchCreated),
        ("Searched", asked.Searched),
    ],
)
def test_every_field_of_a_body_is_described_and_no_other(name: str, kind: type[Given]) -> None:
    schema = description()["components"]["schemas"][name]
    assert set(schema["properties"]) == set(kind.model_fields)
    needed = {field for field, about in kind.model_fields.items() if about.is_required()}
    assert set(schema.get("required", ())) == needed
    options = schema["properties"].get("options")
    if options:
        assert set(options["properties"]) == set(ollama.Options.model_fields)
