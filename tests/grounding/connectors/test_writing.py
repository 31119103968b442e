"""The connector of the guide, found by its entry point as that of any installed package is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.grounding.connectors.provider import Answer, Provider

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-connector.md"
PROGRAM = """
import json, os, sys
from pathlib import Path
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.grounding.connectors import connect, read_grounding_file
from kanoa_mlops.grounding.filters import parse_filter

file, *filters = sys.argv[1:]
try:
    [(name, entry)] = read_grounding_file(Path(file), os.environ).stores.items()
    for each in filters:
        try:
            found = connect(name, entry).search("drift", k=2, filters=parse_filter(json.loads(each)))
            print(json.dumps([[each.text, each.source, each.score, each.store] for each in found]))
        except KanoaError as error:
            print(json.dumps(f"{type(error).__name__}: {error}"))
except KanoaError as error:
    print(json.dumps(f"{type(error).__name__}: {error} {error.hint}"))
"""
HITS = Answer({"hits": [{"text": "Drift is 0.2 K.", "where": "a.pdf", "rank": 7.5}]})


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    return str(found)


def test_it_has_less_than_forty_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) < 40


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """What pip makes of the guide's package, in a folder where Python looks for packages."""
    folder = tmp_path / "site-packages"
    described = folder / "labs_catalogue-1.dist-info"
    described.mkdir(parents=True)
    (folder / "labs_catalogue.py").write_text(block("python"))
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: labs-catalogue\nVersion: 1\n")
    groups = tomllib.loads(block("toml"))["project"]["entry-points"]
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (described / "entry_points.txt").write_text("\n".join(lines))
    return folder


def told(folder: Path, file: Path, *filters: object) -> list[Any]:
    """What a Python says that looks for packages there too."""
    words = [sys.executable, "-c", PROGRAM, str(file), *map(json.dumps, filters)]
    around = {"PYTHONPATH": str(folder), "CATALOGUE_KEY": "cat-1"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=around)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_is_a_provider_once_it_is_installed(installed: Path, tmp_path: Path) -> None:
    year = {"type": "eq", "key": "year", "value": 2026}
    other = {"type": "eq", "key": "author", "value": "Ana"}
    file = tmp_path / "grounding.yaml"
    with Provider(HITS) as provider:
        file.write_text(block("yaml").replace("https://catalogue.example.org/api", f"{provider.url}/api"))
        assert told(installed, file, year, other) == [
            [["Drift is 0.2 K.", "a.pdf", 7.5, "books"]],
            "BadFilter: The catalogue can be narrowed to one year and to nothing else.",
        ]
    [asked] = provider.asked
    assert asked.path == "/api/find"
    assert asked.headers["authorization"] == "Bearer cat-1"
    assert asked.body == {"q": "drift", "limit": 2, "shelf": "physics", "year": 2026}


def test_its_entry_is_checked_as_ours_are(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "grounding.yaml"
    file.write_text(block("yaml").replace("shelf:", "shelve:"))
    [said] = told(installed, file)
    assert f"{file}:5: stores.books.shelve: unknown key." in said
    assert "url, shelf" in said
    file.write_text(block("yaml").replace("provider: catalogue", "provider: catalog"))
    [said] = told(installed, file)
    assert "Did you mean catalogue?" in said


def test_without_it_the_provider_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "grounding.yaml"
    file.write_text(block("yaml"))
    [said] = told(tmp_path, file)
    assert "there is no provider 'catalogue'" in said
