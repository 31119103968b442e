"""Questions as people ask them: the headings of a FAQ, each asking for the section under it.

Other sections of the same documentation stand among the answers. Out of Debian's packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.grounding.corpora.debian import taken_apart
from bench.grounding.corpora.pod import pod_sections
from bench.grounding.corpora.sections import Section, sections
from bench.grounding.corpus import Corpus, kept

_SHORTEST_WORDS = 15


@dataclass(frozen=True)
class _Faq:
    of: str
    licence: str
    package: str
    pages: str
    """A pattern of paths."""
    asking: str
    """Of those pages whose headings ask."""


_PERL = (
    r"faq\d|[a-z]*tut|op|re|data|func|sub|var|ref|syn|style|trap|uniintro|dsc|lol|mod|obj|ipc|sec|debug|port"
)
_FAQS = (
    _Faq(
        of="Python",
        licence="PSF",
        package="python3.11-doc",
        pages=r"/(faq|tutorial|howto|reference)/\w+\.html$",
        asking=r"/faq/",
    ),
    _Faq(
        of="Perl",
        licence="Artistic",
        package="perl-doc",
        pages=rf"/pod/perl({_PERL})\.pod$",
        asking=r"perlfaq\d",
    ),
    _Faq(
        of="R",
        licence="GPL-2+",
        package="r-doc-html",
        pages=r"/share/R/doc/manual/R-(FAQ|intro|data|lang|exts|admin)\.html$",
        asking=r"FAQ",
    ),
    _Faq(
        of="Django",
        licence="BSD-3-Clause",
        package="python-django-doc",
        pages=r"/html/(faq|intro|howto|topics)/.*\.html$",
        asking=r"/faq/",
    ),
    _Faq(
        of="Debian",
        licence="GPL-2+",
        package="debian-faq",
        pages=r"/FAQ/[\w-]+\.en\.html$",
        asking=r"/FAQ/",
    ),
)


def faqs() -> Iterator[Corpus]:
    for faq in _FAQS:
        yield kept(f"faq-{faq.package}-by-headings", partial(_made, faq))


def _made(faq: _Faq) -> Corpus:
    documents: dict[str, str] = {}
    questions: dict[str, str] = {}
    with taken_apart(faq.package) as package:
        for path in sorted(package.tree.rglob("*")):
            place = path.relative_to(package.tree).as_posix()
            if not re.search(faq.pages, place) or path.is_symlink():
                continue
            for number, section in enumerate(_sections(path)):
                if len(section.text.split()) < _SHORTEST_WORDS or section.text in documents.values():
                    continue
                id = f"{place}#{number}"
                documents[id] = section.text
                if re.search(faq.asking, place) and section.heading.endswith("?"):
                    questions[id] = section.heading
        version = package.version
    return Corpus(
        f"{faq.of} FAQ",
        f"{len(documents):,} sections of {faq.of}'s documentation without their headings; the "
        f"{len(questions)} questions of its FAQ",
        f"{faq.licence}, {faq.package} {version} of Debian",
        documents,
        questions,
        {id: frozenset({id}) for id in questions},
    )


def _sections(path: Path) -> Iterator[Section]:
    return pod_sections(path) if path.suffix == ".pod" else sections(path)
