"""The house: who may import whom, and who may read the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kanoa_mlops

ROOT = Path(kanoa_mlops.__file__).parent
BASE = {
    "errors",
    "units",
    "settings",
    "database",
    "api_address",
    "marked",
    "nearest",
    "placed",
    "postgres",
    "secret",
    "__init__",
}
# Room -> the rooms it may import besides its own and the base.
ARROWS = {
    "catalog": set(),
    "hardware": {"catalog"},
    "planner": {"catalog"},
    "engines": {"planner", "catalog"},
    "render": {"engines", "planner", "catalog"},
    "weights": {"catalog"},
    "runtime": {"engines", "planner", "catalog"},
    "gateway": {"catalog", "grounding"},
    "bench": {"planner", "catalog"},
    "grounding": set(),
    "cli": {
        "catalog",
        "hardware",
        "planner",
        "engines",
        "render",
        "weights",
        "runtime",
        "gateway",
        "bench",
        "grounding",
    },
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).parts[0].removesuffix(".py"), path


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            first, *rest = name.split(".")
            if first == "kanoa_mlops":
                yield getattr(node, "lineno", 0), rest[0] if rest else "__init__"


@pytest.mark.parametrize(
    ("room", "path"), list(modules()), ids=lambda value: str(value).replace(str(ROOT), "")
)
def test_imports_follow_the_arrows(room: str, path: Path) -> None:
    if room in ("__main__", "plugin"):
        allowed = {"cli"}
    elif room in BASE:
        allowed = BASE
    else:
        allowed = ARROWS[room] | BASE | {room}
    for line, target in imported_rooms(path):
        assert target in allowed, f"{path}:{line} imports {target}; {room} may import {sorted(allowed)}"


def test_the_gateway_knows_no_store_no_connector_and_no_format() -> None:
    """It works with grounding's values; what keeps, fetches and reads documents is joined to it at start."""
    joined = {"local", "shared", "connectors", "ingest"}
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kanoa_mlops.grounding"):
                part = [*(node.module or "").split("."), ""][2]
                assert part not in joined, f"{path}:{node.lineno} imports {node.module}"


def test_every_room_has_its_arrows() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms == set(ARROWS)


def test_the_environment_is_read_in_one_place() -> None:
    readers = set()
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                readers.add(str(path.relative_to(ROOT)))
    # The supervisor hands its own environment on to engines; it looks nothing up in it.
    assert readers == {"settings.py", "runtime/supervisor.py"}


def test_no_model_is_named_in_code() -> None:
    names = [path.stem for path in (ROOT / "catalog/data/models").glob("*.yaml")]
    # A family that begins with a word of every day is told by its second one.
    families = {name.removeprefix("all-").split("-")[0] for name in names}
    for _, path in modules():
        if path.name == "settings.py":  # where the default is set
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                # Two engines are called like a family of models.
                text = ast.unparse(node).lower().replace("ollama", "")
                text = text.replace("llama.cpp", "").replace("llamacpp", "")
                assert not any(family in text for family in families), f"{path}: {text}"
