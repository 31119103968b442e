"""Archives of Office files, opened with care: a few kilobytes may unpack to gigabytes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from kanoa_mlops.errors import MissingExtra, UnknownFormat, UnreadableDocument
from kanoa_mlops.grounding.ingest.limits import MIB

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MEMBERS = 20_000
_UNPACKED = 512 * MIB
_RATIO = 300  # XML of a large table is packed to 1/30
_MEMBER_FILES = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}


def zipped_format(data: bytes) -> str:
    """
    Raises:
        UnreadableDocument: no Office file.
    """
    with opened(data) as archive:
        names = set(archive.namelist())
    for member, name in _MEMBER_FILES.items():
        if member in names:
            return name
    raise UnknownFormat("It is an archive (zip), and no Office file.", hint="Unpack it.")


@contextmanager
def opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    """
    Raises:
        UnreadableDocument: damaged, encrypted, or unpacks to more than is sane.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check(archive, len(data))
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise UnreadableDocument(f"It is a damaged archive: {error}.") from error


def xml(archive: zipfile.ZipFile, member: str) -> Element:
    """A member as a tree. Neither entities nor a document type are allowed: no Office writes them.

    Raises:
        UnreadableDocument: it is not sound.
        MissingExtra: without the extra `grounding`.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import fromstring
    except ImportError:
        raise MissingExtra(
            "Office files need defusedxml.", hint="pip install 'kanoa-mlops[grounding]'"
        ) from None
    try:
        root: Element = fromstring(archive.read(member), forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableDocument(f"{member} in it declares entities, as a bomb does: not read.") from error
    except ParseError as error:
        raise UnreadableDocument(f"{member} in it is damaged: {error}.") from error
    return root


def _check(archive: zipfile.ZipFile, packed: int) -> None:
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > _MEMBERS:
        raise UnreadableDocument(f"It holds {len(members)} files, as a zip bomb does: not unpacked.")
    if total > _UNPACKED or (total > 10 * MIB and total > _RATIO * packed):
        raise UnreadableDocument(
            f"It unpacks from {packed / MIB:.1f} to {total / MIB:,.0f} MiB, as a zip bomb does: not unpacked."
        )
    if any(member.flag_bits & 1 for member in members):
        raise UnreadableDocument(
            "It is encrypted: a password is needed.", hint="Save a copy without a password."
        )
