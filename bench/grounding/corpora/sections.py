"""A page of documentation, cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})
_BLOCKS = frozenset({"p", "li", "pre", "td", "dt", "dd", "div", "br"})
_ASIDE = frozenset({"nav", "script", "style", "head", "footer"})
_ASIDE_DIVISIONS = frozenset(
    {
        "sphinxsidebar",
        "related",
        "navheader",
        "navfooter",
        "toc",
        "toctree-wrapper",
        "contents",
        "header",
        "footer",
    }
)
_NUMBER = re.compile(r"^(?:Chapter\s)?(?:\d+\.)*\d+\.?\s+")


@dataclass
class _Cut:
    ids: list[str] = field(default_factory=list)
    heading: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    ids: tuple[str, ...]
    """By which links name it or places in it, as they are written."""
    heading: str
    """Without its number."""
    text: str
    """Up to the next heading."""


def sections(path: Path) -> Iterator[Section]:
    parser = _Parser()
    parser.feed(path.read_text(encoding="utf-8", errors="replace"))
    for each in parser.cuts[1:]:
        yield Section(tuple(each.ids), _NUMBER.sub("", _clean(each.heading)), _clean(each.text))


def _clean(parts: list[str]) -> str:
    return " ".join("".join(parts).replace("¶", " ").split())


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cuts = [_Cut()]
        self._in_heading = False
        self._divisions: list[bool] = []
        """Of those that are open, which stand aside."""
        self._aside = 0
        self._ids: list[str] = []
        """Of what is open before a heading, as a section's own."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _ASIDE:
            self._aside += 1
        if tag == "div":
            aside = not _ASIDE_DIVISIONS.isdisjoint((given.get("class") or "").split())
            self._divisions.append(aside)
            self._aside += aside
        if self._aside:
            return
        if tag in _HEADINGS:
            self._in_heading = True
            self.cuts.append(_Cut(self._ids))
            self._ids = []
        if id := given.get("id"):
            place = self.cuts[-1].ids if self._in_heading else self._ids
            place.append(id)
        if tag in _BLOCKS:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _ASIDE:
            self._aside -= 1
        elif tag == "div" and self._divisions:
            self._aside -= self._divisions.pop()
        elif tag in _HEADINGS:
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if not self._aside:
            (self.cuts[-1].heading if self._in_heading else self.cuts[-1].text).append(data)
            if data.strip() and not self._in_heading:
                # A place in the text before; the next heading's own come after the last words.
                self.cuts[-1].ids += self._ids
                self._ids = []
