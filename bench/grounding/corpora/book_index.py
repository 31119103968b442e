"""Key words: what an editor put into the index of a book, each answered by the sections it sends to.

Of PostgreSQL's documentation, out of a package of Debian.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from pathlib import Path

from bench.grounding.corpora.debian import taken_apart
from bench.grounding.corpora.sections import sections
from bench.grounding.corpus import Corpus, kept

_PACKAGE = "postgresql-doc-15"
_ENTRY = re.compile(r'<dt id="ientry[^"]*">(.*?)</dt>', re.DOTALL)
_LINK = re.compile(r'<a class="indexterm" href="([^"]+)"')
_TAG = re.compile(r"<[^>]+>")
_SHORTEST_WORDS = 15
_MOST_PLACES = 3
"""An entry with more is about everything."""
_LEFT_OUT = re.compile(r"^(release|errcodes-appendix|index|bookindex|biblio|acronyms|glossary)")
_QUESTIONS = 300
_OTHERS = 1000
_SEED = 6


def book_index() -> Corpus:
    return kept(f"index-{_PACKAGE}", _made)


def _made() -> Corpus:
    documents: dict[str, str] = {}
    place_of: dict[str, str] = {}
    with taken_apart(_PACKAGE) as package:
        book = next(package.tree.rglob("bookindex.html")).parent
        for path in sorted(book.glob("*.html")):
            if not _LEFT_OUT.match(path.name):
                _add(path, documents, place_of)
        entries = entries_of((book / "bookindex.html").read_text(encoding="utf-8"))
        version = package.version
    relevant = {
        entry: frozenset(found)
        for entry, links in entries.items()
        if (found := {place_of[link] for link in links if link in place_of}) and len(found) <= _MOST_PLACES
    }
    choice = random.Random(_SEED)
    chosen = choice.sample(sorted(relevant), min(_QUESTIONS, len(relevant)))
    wanted = {id for entry in chosen for id in relevant[entry]}
    others = sorted(documents.keys() - wanted)
    there = {*wanted, *choice.sample(others, min(_OTHERS, len(others)))}
    return Corpus(
        "book index",
        f"{len(there):,} sections of PostgreSQL's documentation; {len(chosen)} entries of its index",
        f"PostgreSQL licence, {_PACKAGE} {version} of Debian",
        {id: text for id, text in documents.items() if id in there},
        {entry: entry for entry in chosen},
        {entry: relevant[entry] for entry in chosen},
    )


def _add(path: Path, documents: dict[str, str], place_of: dict[str, str]) -> None:
    for number, section in enumerate(sections(path)):
        text = f"{section.heading}\n{section.text}"
        if len(text.split()) >= _SHORTEST_WORDS:
            id = f"{path.name}#{number}"
            documents[id] = text
            place_of.setdefault(path.name, id)
            place_of |= {f"{path.name}#{place}": id for place in section.ids}


def entries_of(html: str) -> dict[str, set[str]]:
    """Links by what the entry says before them."""
    entries: dict[str, set[str]] = defaultdict(set)
    for said in _ENTRY.findall(html):
        words = _TAG.sub("", said.partition("<a class")[0]).strip(" ,\n")
        if any(letter.isalpha() for letter in words):
            entries[" ".join(words.split())].update(_LINK.findall(said))
    return entries
