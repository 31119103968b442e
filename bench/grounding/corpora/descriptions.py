"""Packages of Debian for science, each asked for by its line in a list: the long description answers.

Fetched by apt-get into a folder of its own.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.grounding.corpus import Corpus, asked_once, kept

_SECTIONS = frozenset({"science", "math", "graphics"})
_SHORTEST_WORDS = 25
_MOST = 1500
_QUESTIONS = 400
_SEED = 6


def descriptions() -> Corpus:
    return kept("descriptions-debian", _made)


def _made() -> Corpus:
    documents: dict[str, str] = {}
    questions: dict[str, str] = {}
    for name, short, text in _read():
        if len(text.split()) >= _SHORTEST_WORDS and text not in documents.values():
            documents[name], questions[name] = text, short
    choice = random.Random(_SEED)
    there = sorted(choice.sample(sorted(documents), min(_MOST, len(documents))))
    alone = asked_once({name: questions[name] for name in there})
    chosen = choice.sample(alone, min(_QUESTIONS, len(alone)))
    return Corpus(
        "descriptions",
        f"{len(there):,} descriptions of Debian's packages for {', '.join(sorted(_SECTIONS))}; {len(chosen)} "
        "of them by their one line",
        "of their packages, Debian",
        {name: documents[name] for name in there},
        {name: questions[name] for name in chosen},
        {name: frozenset({name}) for name in chosen},
    )


def _read() -> Iterator[tuple[str, str, str]]:
    """Name, the one line, and the text of each package."""
    with tempfile.TemporaryDirectory(prefix="kanoa-apt-") as given:
        lists = Path(given) / "lists"
        (lists / "partial").mkdir(parents=True)
        settings = {
            "Acquire::Languages": "en",
            "Dir::State::Lists": str(lists),
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        subprocess.run(["apt-get", "update", "-qq", *options], check=True, stderr=subprocess.DEVNULL)
        names = _names(_said(["apt-cache", "dumpavail", *options]))
        yield from _descriptions(_said(["apt-cache", "show", "--no-all-versions", *options, *names]))


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _names(listed: str) -> list[str]:
    names = []
    for record in listed.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in record.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Section") in _SECTIONS and not fields["Package"].startswith("lib"):
            names.append(fields["Package"])
    return sorted(set(names))


def _descriptions(shown: str) -> Iterator[tuple[str, str, str]]:
    for record in shown.split("\n\n"):
        name, short, text, inside = "", "", [], False
        for line in record.splitlines():
            if line.startswith(" ") and inside:
                text.append(line.strip(" ."))
                continue
            inside = line.startswith(("Description-en: ", "Description: "))
            if inside:
                short = line.partition(": ")[2]
            elif line.startswith("Package: "):
                name = line.partition(": ")[2]
        if name and short:
            yield name, short, " ".join(" ".join(text).split())
