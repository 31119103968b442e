"""PowerPoint: a slide is a page; its title is the heading, its notes stand at the end."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from kanoa_mlops.grounding.ingest.block import Block, Reading, table
from kanoa_mlops.grounding.ingest.zipped import opened, xml

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TITLES = ("title", "ctrTitle")


def read_pptx(name: str, data: bytes) -> Reading:
    with opened(data) as archive:
        shown = xml(archive, "ppt/presentation.xml").iter(f"{_P}sldId")
        targets = _related(archive, "ppt/presentation.xml")
        slides = [targets[each.get(_ID, "")] for each in shown if each.get(_ID, "") in targets]
        blocks = [
            block for page, slide in enumerate(slides, start=1) for block in _slide(archive, slide, page)
        ]
    title = next((block.heading[0] for block in blocks if block.heading), "")
    return Reading(tuple(blocks), title)


def _slide(archive: zipfile.ZipFile, member: str, page: int) -> Iterator[Block]:
    tree = xml(archive, member)
    title = ""
    shapes = list(tree.iter(f"{_P}sp"))
    for shape in shapes:
        kind = shape.find(f".//{_P}ph")
        if kind is not None and kind.get("type") in _TITLES:
            title = " ".join(_text(shape).split())
    heading = (title,) if title else ()
    for shape in shapes:
        text = _text(shape).strip()
        if text and " ".join(text.split()) != title:
            yield Block(text, heading, page)
    if title and not any(_text(shape).strip() != title for shape in shapes if _text(shape).strip()):
        yield Block(title, heading, page)
    for found in tree.iter(f"{_A}tbl"):
        rows = [[_text(cell).strip() for cell in row.iter(f"{_A}tc")] for row in found.iter(f"{_A}tr")]
        if any(rows):
            yield table(rows, heading=heading, page=page)
    for target in _related(archive, member).values():
        if "/notesSlides/" in target and target in archive.namelist():
            notes = [_text(shape).strip() for shape in xml(archive, target).iter(f"{_P}sp")]
            yield Block("\n\n".join(each for each in notes if each and not each.isdigit()), heading, page)


def _text(shape: Element) -> str:
    return "\n".join(
        "".join(
            run.text or "" if run.tag == f"{_A}t" else "\n"
            for run in line.iter()
            if run.tag in (f"{_A}t", f"{_A}br")
        )
        for line in shape.iter(f"{_A}p")
    )


def _related(archive: zipfile.ZipFile, member: str) -> dict[str, str]:
    """Members by the id they are called by in `member`."""
    folder, name = posixpath.split(member)
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in archive.namelist():
        return {}
    return {
        each.get("Id", ""): posixpath.normpath(posixpath.join(folder, each.get("Target", ""))).lstrip("/")
        for each in xml(archive, relations)
        if each.get("TargetMode") != "External"
    }
