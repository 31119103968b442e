"""Web pages: headings, paragraphs, tables. No scripts run, nothing is fetched."""

from __future__ import annotations

from html.parser import HTMLParser

from kanoa_mlops.grounding.ingest.block import Block, Reading, Split, Spot, table
from kanoa_mlops.grounding.ingest.decoding import decode
from kanoa_mlops.grounding.ingest.headings import Headings

_UNSEEN = {"script", "style", "template", "noscript", "svg", "iframe", "object", "select", "nav"}
_BREAKS = {
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "title",
    "ul",
    "caption",
    "table",
}
_TABLE_CELLS = {"td", "th"}


def read_html(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    page = _Page()
    page.feed(text)
    page.close()
    page.finish()
    title = page.title or page.headings.title
    return Reading(tuple(page.blocks), title, (note,) if note else ())


def html_blocks(text: str, *, heading: tuple[str, ...] = (), spot: Spot | None = None) -> list[Block]:
    """Of a fragment, under `heading`."""
    page = _Page(heading, spot)
    page.feed(text)
    page.close()
    page.finish()
    return page.blocks


class _Page(HTMLParser):
    def __init__(self, heading: tuple[str, ...] = (), spot: Spot | None = None) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.headings = Headings()
        self.title = ""
        self._above = heading
        self._spot = spot
        self._text: list[str] = []
        self._unseen: list[str] = []
        self._level = 0
        self._in_title = False
        self._preformatted = 0
        self._tables: list[_Table] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif self._unseen:
            return
        elif tag == "title":
            self._flush()
            self._in_title = True
        elif tag == "table":
            self._flush()
            self._tables.append(_Table())
        elif self._tables and self._tables[-1].start(tag):
            return
        elif _heading_level(tag):
            self._flush()
            self._level = _heading_level(tag)
        elif tag in _BREAKS and not self._tables:
            self._break(tag, opens=True)
            self._preformatted += tag == "pre"
        elif tag == "img":
            self._text.append(f" {dict(attrs).get('alt') or ''} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
        elif self._unseen:
            return
        elif tag == "title" and self._in_title:
            self.title, self._in_title = self.title or " ".join("".join(self._text).split()), False
            self._text.clear()
        elif tag == "table" and self._tables:
            self._end_table()
        elif self._tables and self._tables[-1].end(tag):
            return
        elif _heading_level(tag) and self._level:
            self.headings.enter(self._level, "".join(self._text))
            self._text.clear()
            self._level = 0
        elif tag in _BREAKS and not self._tables:
            self._break(tag, opens=False)
            self._preformatted = max(0, self._preformatted - (tag == "pre"))

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._tables:
            self._tables[-1].add(data)
        else:
            self._text.append(data if self._preformatted else data.replace("\n", " "))

    def finish(self) -> None:
        """What was left open ends here."""
        while self._tables:
            self._end_table()
        self._flush()

    def _break(self, tag: str, *, opens: bool) -> None:
        if tag == "br":
            self._text.append("\n")
        elif tag == "li" and not self._preformatted:
            self._text.append("\n- " if opens else "")
        else:
            self._flush()

    def _end_table(self) -> None:
        ended = self._tables.pop()
        ended.finish()
        if self._tables:
            # A table within a cell is text of that cell.
            self._tables[-1].add(" ".join(" ".join(row) for row in ended.rows))
        elif len(ended.rows) > 1 and max(map(len, ended.rows)) > 1:
            made = table(ended.rows, caption=ended.caption, heading=self._path)
            self.blocks.append(
                Block(made.text, made.heading, spot=self._spot, kind="table", split="rows", head=made.head)
            )
        else:
            self._text += [ended.caption, "\n", *(" ".join(row) + "\n" for row in ended.rows)]
            self._flush()

    @property
    def _path(self) -> tuple[str, ...]:
        return self._above + self.headings.path

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if self._in_title:
            return
        if not self._preformatted:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip(" -"))
        if text.strip():
            split: Split = "lines" if self._preformatted else "prose"
            self.blocks.append(Block(text.strip("\n"), self._path, spot=self._spot, split=split))


class _Table:
    """Cells as they come; a header of several rows is its first."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.caption = ""
        self._cell: list[str] | None = None
        self._in_caption = False

    def start(self, tag: str) -> bool:
        if tag == "tr":
            self._end_cell()
            self.rows.append([])
        elif tag in _TABLE_CELLS:
            self._end_cell()
            self._cell = []
        elif tag == "caption":
            self._in_caption = True
        elif self._cell is not None and tag in _BREAKS:
            self._cell.append(" ")
        else:
            return tag in ("thead", "tbody", "tfoot", "col", "colgroup")
        return True

    def end(self, tag: str) -> bool:
        if tag in _TABLE_CELLS or tag == "tr":
            self._end_cell()
        elif tag == "caption":
            self._in_caption = False
        return True

    def finish(self) -> None:
        self._end_cell()
        self.rows = [row for row in self.rows if row]

    def add(self, data: str) -> None:
        if self._in_caption:
            self.caption = f"{self.caption} {data.strip()}".strip()
        elif self._cell is not None:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is not None:
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append(" ".join("".join(self._cell).split()))
            self._cell = None


def _heading_level(tag: str) -> int:
    return int(tag[1]) if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456" else 0
