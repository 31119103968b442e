"""A folder mirrored into a collection: what is new or changed is read, what is gone leaves."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from filelock import FileLock

from kanoa_mlops.errors import UnreadableDocument, UserError
from kanoa_mlops.grounding.archive import Archive, Held
from kanoa_mlops.grounding.ingest.file_reader import NOTE, FileReader
from kanoa_mlops.grounding.ingest.reading_process import Unopened
from kanoa_mlops.grounding.ingest.unread import Unread
from kanoa_mlops.grounding.ingest.walk import Found, Skipped, Walk
from kanoa_mlops.grounding.types import Document

_log = logging.getLogger(__name__)
_AHEAD = 2  # files read for each process before the first of them is stored

Progress = Callable[[str, int, int], None]
"""Of a file's source, how many are done with it, and of how many."""


@dataclass
class MirrorReport:
    """Sources, in the order of the folder."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    """What was replaced or left out of files that are in."""
    left_out: int = 0
    """Hidden or ignored; a folder counts 1."""

    @property
    def is_quiet(self) -> bool:
        """Whether the collection is as it was."""
        return not (self.added or self.changed or self.removed)


def mirror(
    archive: Archive,
    collection_id: str,
    folder: Path,
    *,
    state: Path,
    reader: FileReader | None = None,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> MirrorReport:
    """`state` is a folder of ours: for the lock, by which two at once wait for each other, and what was
    unreadable. `stop` ends it after the file it is at.

    Each file is stored whole or not at all; killed in between, the next run goes on where this one was.
    The texts are in afterwards, their vectors not: see `embed_missing`.

    Raises:
        UserError: the folder is not there.
        MissingExtra: what reads one of its formats is not installed.
    """
    state.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if reader is None:
            reader = stack.enter_context(FileReader(processes=2))
        stack.enter_context(FileLock(state / f"{collection_id}.lock"))
        unread = Unread.of(state, collection_id, reader.name)
        return _Mirror(archive, collection_id, reader, unread, progress, stop or Event()).run(folder)


@dataclass
class _Mirror:
    archive: Archive
    collection_id: str
    reader: FileReader
    unread: Unread
    progress: Progress | None
    stop: Event
    report: MirrorReport = field(default_factory=MirrorReport)

    def run(self, folder: Path) -> MirrorReport:
        walk = Walk()
        try:
            files = list(walk.files(folder))
        except OSError as error:
            raise UserError(
                f"The folder {folder} cannot be read: {error.strerror}.",
                hint="Nothing was changed. Is its disk there?",
            ) from error
        self.report.left_out = walk.left_out
        self.report.skipped += walk.skipped
        held = {each.source: each for each in self.archive.held(self.collection_id)}
        self._remove(held, files, walk.closed)
        fresh = [found for found in files if not self._is_known(found, held.get(found.source))]
        try:
            self._store(fresh, held, len(files))
        finally:
            self.unread.keep({found.source for found in files})
        return self.report

    def _remove(self, held: Mapping[str, Held], files: Sequence[Found], closed: Sequence[str]) -> None:
        there = {found.source for found in files}
        gone = [source for source in held if source not in there and not _is_in(source, closed)]
        if gone:
            self.archive.drop(self.collection_id, gone)
            self.report.removed += gone

    def _is_known(self, found: Found, held: Held | None) -> bool:
        if held is not None and (held.bytes, held.modified, held.reader) == (
            found.bytes,
            found.modified,
            self.reader.name,
        ):
            self.report.unchanged.append(found.source)
            if note := held.attributes.get(NOTE):
                self.report.notes[found.source] = str(note)
            return True
        skipped = self.unread.before(found) if held is None else None
        if skipped is not None:
            self.report.skipped.append(skipped)
        return skipped is not None

    def _store(self, fresh: Sequence[Found], held: Mapping[str, Held], total: int) -> None:
        done = total - len(fresh)
        for found, reading in self._read(fresh, held):
            if self.stop.is_set():
                return
            before = held.get(found.source)
            try:
                self._put(found, reading.result(), before)
            except UnreadableDocument as error:
                self._skip(found, error, before)
            done += 1
            if self.progress is not None:
                self.progress(found.source, done, total)

    def _read(
        self, fresh: Iterable[Found], held: Mapping[str, Held]
    ) -> Iterator[tuple[Found, Future[Document | None]]]:
        """In order, some ahead."""
        waiting: deque[tuple[Found, Future[Document | None]]] = deque()
        with ThreadPoolExecutor(self.reader.processes, thread_name_prefix="ingest") as threads:
            try:
                for found in fresh:
                    waiting.append((found, threads.submit(self._one, found, held.get(found.source))))
                    if len(waiting) > _AHEAD * self.reader.processes:
                        yield waiting.popleft()
                while waiting:
                    yield waiting.popleft()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)

    def _one(self, found: Found, held: Held | None) -> Document | None:
        known = held.digest if held is not None and held.reader == self.reader.name else ""
        return self.reader.read(found.path.name, path=found.path, source=found.source, known_digest=known)

    def _put(self, found: Found, document: Document | None, before: Held | None) -> None:
        if document is None:
            assert before is not None
            self._touch(found, before)
            self.report.unchanged.append(found.source)
            return
        attributes = dict(before.attributes) if before is not None else {}
        attributes.pop(NOTE, None)
        document = replace(document, attributes={**attributes, **document.attributes})
        self.archive.put(self.collection_id, document)
        (self.report.added if before is None else self.report.changed).append(found.source)
        if note := document.attributes.get(NOTE):
            self.report.notes[found.source] = str(note)

    def _touch(self, found: Found, held: Held) -> None:
        """It has a new date and the same content; next time its date alone tells so."""
        chunks = tuple(self.archive.chunks(self.collection_id, held.source))
        self.archive.put(
            self.collection_id,
            Document(
                source=held.source,
                title=held.title,
                digest=held.digest,
                chunks=chunks,
                attributes=held.attributes,
                file_id=held.file_id,
                path=str(found.path.absolute()),
                bytes=found.bytes,
                modified=found.modified,
                reader=held.reader,
            ),
        )

    def _skip(self, found: Found, error: UnreadableDocument, before: Held | None) -> None:
        skipped = Skipped(found.source, error.message, error.hint)
        self.report.skipped.append(skipped)
        _log.info("%s is not read: %s", found.source, error.message)
        if isinstance(error, Unopened):
            return  # what was read of it before stays until it can be opened
        self.unread.note(found, skipped)
        if before is not None:
            self.archive.drop(self.collection_id, [found.source])
            self.report.removed.append(found.source)


def _is_in(source: str, folders: Iterable[str]) -> bool:
    return any(source.startswith(f"{folder}/") for folder in folders)
