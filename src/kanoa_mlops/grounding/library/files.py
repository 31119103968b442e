"""Files that were uploaded, and those of mirrored folders that a citation may lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kanoa_mlops.errors import UnknownFile
from kanoa_mlops.grounding.archive import Archive, Collection, File, Held, Reader
from kanoa_mlops.grounding.library.ids import file_id_of, new_id
from kanoa_mlops.grounding.library.ledger import Ledger


class Files:
    """A reader has those of their own; who may search a collection may open what it holds."""

    def __init__(self, archive: Archive, ledger: Ledger) -> None:
        self._archive = archive
        self._ledger = ledger

    def add(self, reader: Reader, filename: str, purpose: str, content: bytes) -> File:
        """
        Raises:
            DiskFull: there is no room for it.
        """
        id, now = new_id("file-")
        file = File(id, reader.key_id, filename, purpose, len(content), now)
        self._archive.add_file(file, content)
        return file

    def own(self, reader: Reader) -> Sequence[File]:
        """Those this reader may delete and attach, the oldest first; of the machine's owner, all."""
        return [each for each in self._archive.files() if reader.key_id in ("", each.owner)]

    def require_own(self, reader: Reader, file_ids: Sequence[str]) -> None:
        """
        Raises:
            UnknownFile: one is none of this reader's own.
        """
        own = {each.id for each in self.own(reader)}
        for id in file_ids:
            if id not in own:
                raise unknown_file(id)

    def find(self, reader: Reader, file_id: str) -> File:
        """
        Raises:
            UnknownFile: there is none, or none that this reader may see.
        """
        return self._found(reader, file_id)[0]

    def content(self, reader: Reader, file_id: str) -> tuple[File, bytes]:
        """As it was uploaded, or as it lies in its folder now.

        Raises:
            UnknownFile: as for `find`; or it is no longer in its folder.
        """
        file, path = self._found(reader, file_id)
        if not path:
            return file, self._archive.content(file_id)
        try:
            return file, Path(path).read_bytes()
        except OSError as error:
            raise UnknownFile(f"{file.filename} is no longer in its folder.") from error

    def remove(self, reader: Reader, file_id: str) -> None:
        """Out of every collection too.

        Raises:
            UnknownFile: there is none, or none of this reader's own.
        """
        self.require_own(reader, [file_id])
        for collection in self._archive.collections():
            self._ledger.forget(collection.id, file_id)
            self._archive.drop(collection.id, [file_id])
        self._archive.remove_file(file_id)

    def _found(self, reader: Reader, file_id: str) -> tuple[File, str]:
        """And the path of one that lies in a folder."""
        uploaded = {each.id: each for each in self._archive.files()}
        file = uploaded.get(file_id)
        if file and reader.key_id in ("", file.owner):
            return file, ""
        for collection, held in self._visible(reader):
            if file and held.file_id == file_id:
                return file, ""
            if not held.file_id and held.path and file_id_of(collection.id, held.source) == file_id:
                name = Path(held.path).name
                return File(
                    file_id, collection.owner, name, "assistants", held.bytes, held.added_at
                ), held.path
        raise unknown_file(file_id)

    def _visible(self, reader: Reader) -> Iterator[tuple[Collection, Held]]:
        for collection in self._archive.collections():
            if collection.is_open_to(reader):
                for held in self._archive.held(collection.id):
                    yield collection, held


def unknown_file(file_id: str) -> UnknownFile:
    return UnknownFile(f"There is no file {file_id!r}.")
