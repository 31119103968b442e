"""Word: headings by their styles, paragraphs, tables, notes; without what was deleted."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from kanoa_mlops.grounding.ingest.block import Block, Reading, table
from kanoa_mlops.grounding.ingest.headings import Headings
from kanoa_mlops.grounding.ingest.zipped import opened, xml

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_BODY_LEVEL = 9  # as Word counts: levels 0 to 8 are headings
_DELETED = {f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}delText"}
_ALTERNATIVE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOTES = {"word/footnotes.xml": "Footnotes", "word/endnotes.xml": "Endnotes"}


def read_docx(name: str, data: bytes) -> Reading:
    with opened(data) as archive:
        levels = _heading_levels(archive)
        headings = Headings()
        body = xml(archive, "word/document.xml").find(f"{_W}body")
        blocks = list(_blocks(body, levels, headings)) if body is not None else []
        for member, title in _NOTES.items():
            if member in archive.namelist():
                text = "\n\n".join(filter(None, map(_text, xml(archive, member))))
                if text:
                    blocks.append(Block(text, (title,)))
        title = _core_title(archive) or headings.title
    return Reading(tuple(blocks), title)


def _blocks(parent: Element, levels: dict[str, int], headings: Headings) -> Iterator[Block]:
    for child in parent:
        if child.tag == f"{_W}p":
            text = _text(child).strip()
            level = _level(child, levels)
            if text and level is not None:
                headings.enter(level + 1, text)
            elif text:
                yield Block(f"- {text}" if child.find(f".//{_W}numPr") is not None else text, headings.path)
        elif child.tag == f"{_W}tbl":
            rows = [[_text(cell).strip() for cell in row.iter(f"{_W}tc")] for row in child.findall(f"{_W}tr")]
            if any(rows):
                yield table([row for row in rows if row], heading=headings.path)
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}moveTo", f"{_W}customXml"):
            yield from _blocks(child, levels, headings)


def _text(element: Element) -> str:
    if element.tag in _DELETED or element.tag == _ALTERNATIVE:
        return ""
    if element.tag == f"{_W}t":
        return element.text or ""
    if element.tag in (f"{_W}tab", f"{_W}br", f"{_W}cr"):
        return "\t" if element.tag == f"{_W}tab" else "\n"
    text = "".join(map(_text, element))
    return f"{text}\n" if element.tag == f"{_W}p" else text


def _level(paragraph: Element, levels: dict[str, int]) -> int | None:
    properties = paragraph.find(f"{_W}pPr")
    if properties is None:
        return None
    outline, style = properties.find(f"{_W}outlineLvl"), properties.find(f"{_W}pStyle")
    if outline is not None:
        level = int(outline.get(f"{_W}val", _BODY_LEVEL))
        return level if level < _BODY_LEVEL else None
    return levels.get(style.get(f"{_W}val", "")) if style is not None else None


def _heading_levels(archive: zipfile.ZipFile) -> dict[str, int]:
    """By the id of a style, which is in the language of its Word; the name of a heading's is English."""
    levels: dict[str, int] = {}
    if "word/styles.xml" not in archive.namelist():
        return levels
    for style in xml(archive, "word/styles.xml").iter(f"{_W}style"):
        named = style.find(f"{_W}name")
        name = named.get(f"{_W}val", "").lower() if named is not None else ""
        if name == "title":
            levels[style.get(f"{_W}styleId", "")] = 0
        elif name.startswith("heading ") and name[8:].isdigit():
            levels[style.get(f"{_W}styleId", "")] = int(name[8:])
    return levels


def _core_title(archive: zipfile.ZipFile) -> str:
    if "docProps/core.xml" not in archive.namelist():
        return ""
    return (xml(archive, "docProps/core.xml").findtext(_TITLE) or "").strip()
