"""Questions as people ask them: the headings of Python's FAQ, each asking for the section under it.

The sections of the tutorial, the how-tos and the language reference stand among the answers. Out of Debian's
package, so that it is left out where there is no apt-get.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from bench.grounding.corpus import Corpus, kept

_PACKAGE = "python3.11-doc"
_PARTS = ("faq", "tutorial", "howto", "reference")
_SHORTEST_WORDS = 15


def faq() -> Corpus | None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    return kept(f"faq-{_PACKAGE}", _made)


def _made() -> Corpus:
    documents, questions = {}, {}
    with tempfile.TemporaryDirectory(prefix="kanoa-faq-") as given:
        folder = Path(given)
        # As root, apt drops its rights and then may not write here; it says so and goes on.
        subprocess.run(
            ["apt-get", "download", "-qq", _PACKAGE], cwd=folder, check=True, stderr=subprocess.DEVNULL
        )
        package = next(folder.glob("*.deb"))
        version = package.name.split("_")[1]
        subprocess.run(["dpkg-deb", "--extract", package, folder / "tree"], check=True)
        for path in sorted((folder / "tree").rglob("*.html")):
            if path.parent.name in _PARTS:
                for id, heading, text in sections(path):
                    if len(text.split()) >= _SHORTEST_WORDS:
                        documents[id] = text
                        if path.parent.name == "faq" and heading.endswith("?"):
                            questions[id] = heading
    return Corpus(
        "Python FAQ",
        f"{len(documents):,} sections of Python's documentation without their headings; the {len(questions)} "
        "questions of its FAQ",
        f"PSF, {_PACKAGE} {version} of Debian",
        documents,
        questions,
        {id: frozenset({id}) for id in questions},
    )


def sections(path: Path) -> Iterator[tuple[str, str, str]]:
    """Id, heading and text, without what stands in sections within."""
    parser = _Sections()
    parser.feed(path.read_text(encoding="utf-8"))
    for id, (heading, text) in parser.found.items():
        yield f"{path.parent.name}/{path.name}#{id}", _clean(heading), _clean(text)


def _clean(parts: list[str]) -> str:
    return " ".join("".join(parts).replace("¶", " ").split())


class _Sections(HTMLParser):
    """As Sphinx writes them: <section id=...><h2>...</h2>...</section>."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[list[str], list[str]]] = {}
        self._open: list[str] = []
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            id = dict(attrs).get("id") or ""
            self.found[id] = ([], [])
            self._open.append(id)
        elif self._open and tag in ("h1", "h2", "h3", "h4"):
            self._in_heading = True
        elif self._open and tag in ("p", "li", "pre", "td", "dt"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._open.pop()
        elif tag in ("h1", "h2", "h3", "h4"):
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._open:
            heading, text = self.found[self._open[-1]]
            (heading if self._in_heading else text).append(data)
