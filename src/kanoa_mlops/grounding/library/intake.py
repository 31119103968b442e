"""Takes attached files in: reads them, puts them into their collection, embeds them."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kanoa_mlops.errors import (
    DiskFull,
    MissingExtra,
    OtherSpace,
    RetrieverFailed,
    UnknownFile,
    UnreadableDocument,
)
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.library.attachment import Fault
from kanoa_mlops.grounding.library.ledger import CLAIM_SECONDS, Claim, Ledger
from kanoa_mlops.grounding.library.reading import NotWanted, ReadFile, Reading
from kanoa_mlops.grounding.library.vectors import EmbedderOf
from kanoa_mlops.grounding.types import Document, Embedder

_LOOK_SECONDS = 5.0
"""Between two looks for what others left undone."""
_MOST_TRIES = 3
"""A file at whose reading the gateway was killed so often is not begun again."""
_PAUSES = (2.0, 10.0, 30.0)
"""Seconds before an embedding model that failed is asked once more."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Intake:
    """One file at a time, by turns of their owners. What it changes, others see when it is whole."""

    def __init__(
        self, archive: Archive, ledger: Ledger, read: ReadFile, embedder_of: EmbedderOf, spool: Path | None
    ) -> None:
        """
        Args:
            spool: folder for the file that is being read; without one, the system's.
        """
        self._archive = archive
        self._ledger = ledger
        self._embedder_of = embedder_of
        self._reading = Reading(read)
        self._spool = spool
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._served: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Goes on with what was begun before, if anything was."""
        if self._spool:
            self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def close(self) -> None:
        """What is under way is left to the next start."""
        self._stopping.set()
        self._news.set()
        if self._thread:
            self._thread.join()
        self._reading.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self._step()
            except Exception as error:  # the outermost edge: the thread outlives what fails on it
                _log.error("files cannot be taken in", exc_info=error)
                busy = False
            if not busy:
                self._reading.close()  # nothing to do: no process waits for it
                self._news.wait(_LOOK_SECONDS)
                self._news.clear()

    def _step(self) -> bool:
        """Whether there was something to do."""
        claim = self._next()
        if claim:
            self._take(claim)
        return claim is not None

    def _next(self) -> Claim | None:
        owners = sorted(self._ledger.owners(), key=lambda each: self._served.get(each, 0.0))
        for owner in owners:
            self._served[owner] = time.monotonic()
            if claim := self._ledger.claim(owner):
                return claim
        return None

    def _take(self, claim: Claim) -> None:
        began, attachment = time.monotonic(), claim.attachment
        try:
            with self._alive(claim):
                self._take_in(claim)
            kept = self._ledger.finish(claim, "completed")
            outcome = "completed"
        except NotWanted:
            self._ledger.release(claim)
            kept, outcome = self._stopping.is_set(), "given up"
        except Exception as error:
            fault, message = _fault(error)
            self._archive.drop(attachment.collection_id, [attachment.file_id])
            kept, outcome = self._ledger.finish(claim, "failed", fault, message), f"failed {fault}"
            if fault == "server_error":
                _log.warning("file=%s was not taken in: %s", attachment.file_id, message)
        if not kept and self._ledger.find(attachment.collection_id, attachment.file_id) is None:
            self._archive.drop(attachment.collection_id, [attachment.file_id])
        _log.info(
            "took in file=%s collection=%s outcome=%s seconds=%.3f",
            attachment.file_id,
            attachment.collection_id,
            outcome.replace(" ", "_"),
            time.monotonic() - began,
        )

    def _take_in(self, claim: Claim) -> None:
        if claim.tries > _MOST_TRIES:
            raise UnreadableDocument(f"The gateway ended {_MOST_TRIES} times while it took this in.")
        attachment = claim.attachment
        document = self._read(claim)
        if not document.chunks:
            raise UnreadableDocument("There is no text in it.")
        self._require(claim)
        self._archive.put(attachment.collection_id, document)
        self._ledger.stored(claim)
        self._embed(claim)

    def _read(self, claim: Claim) -> Document:
        attachment = claim.attachment
        file = next((each for each in self._archive.files() if each.id == attachment.file_id), None)
        if file is None:
            raise UnknownFile("It was deleted.")
        with tempfile.TemporaryDirectory(prefix="taken-", dir=self._spool) as folder:
            path = Path(folder) / f"file{Path(file.filename).suffix[:16]}"
            path.write_bytes(self._archive.content(file.id))
            document = self._reading.read(
                path,
                source=file.id,
                title=file.filename,
                cut=attachment.cut,
                goes_on=lambda: not self._stopping.is_set() and self._ledger.renew(claim),
            )
        return replace(
            document,
            source=file.id,
            title=file.filename,
            file_id=file.id,
            attributes=attachment.attributes,
            path="",
            bytes=file.bytes,
        )

    def _embed(self, claim: Claim) -> None:
        collection_id = claim.attachment.collection_id
        collection = next((each for each in self._archive.collections() if each.id == collection_id), None)
        if collection is None:
            raise NotWanted
        embedder = self._patiently(claim, lambda: self._embedder_of(collection.space))
        if embedder is None:
            if collection.space:
                raise RetrieverFailed(f"The collection's model {collection.space.model} is not served.")
            return
        self._patiently(claim, lambda: self._embed_all(claim, collection_id, embedder))

    def _embed_all(self, claim: Claim, collection_id: str, embedder: Embedder) -> None:
        for lot in self._archive.unembedded(collection_id, embedder.space):
            self._require(claim)
            vectors = embedder.documents([chunk.text for chunk in lot])
            self._archive.embed(collection_id, embedder.space, [chunk.id for chunk in lot], vectors)

    def _patiently(self, claim: Claim, ask: Callable[[], T]) -> T:
        """Once more after a while, where the model fails: it may be starting."""
        for pause in _PAUSES:
            try:
                return ask()
            except RetrieverFailed:
                self._stopping.wait(pause)
                self._require(claim)
        return ask()

    def _require(self, claim: Claim) -> None:
        if self._stopping.is_set() or not self._ledger.renew(claim):
            raise NotWanted

    @contextmanager
    def _alive(self, claim: Claim) -> Iterator[None]:
        """Renews the claim for as long as it is worked on."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(CLAIM_SECONDS / 4):
                self._ledger.renew(claim)

        thread = threading.Thread(target=renew, name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _fault(error: Exception) -> tuple[Fault, str]:
    match error:
        case MissingExtra():
            return "unsupported_file", f"{error.message} {error.hint}".strip()
        case UnreadableDocument():
            return "invalid_file", error.message
        case DiskFull() | RetrieverFailed() | OtherSpace() | UnknownFile():
            return "server_error", error.message
    _log.error("a file was not taken in", exc_info=error)
    return "server_error", "The gateway failed on it; its log says why."
