"""Takes attached files in: reads them, puts them into their collection, embeds them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from kanoa_mlops.errors import (
    ArchiveBusy,
    DiskFull,
    MissingExtra,
    OtherSpace,
    RetrieverFailed,
    UnknownCollection,
    UnknownFile,
    UnknownFormat,
    UnreadableDocument,
)
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.library.attachment import Attachment, Fault
from kanoa_mlops.grounding.library.ledger import CLAIM_SECONDS, Claim, Ledger
from kanoa_mlops.grounding.library.reading import Reading
from kanoa_mlops.grounding.library.vectors import EmbedderOf
from kanoa_mlops.grounding.types import Document

_LOOK_SECONDS = 5.0
"""Between two looks for what others left undone."""
_CLOSING_SECONDS = 5.0
"""A page may take longer to be read; its thread ends with the process, and its claim lapses."""
_MOST_TRIES = 3
"""A file at whose reading the gateway was killed so often is not begun again."""
_PAUSES = (2.0, 10.0, 30.0)
"""Seconds before an embedding model that failed is asked once more."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class _GivenUp(Exception):
    """The file was taken out or attached anew, or the gateway stops."""


class Intake:
    """One file at a time, by turns of their owners. What it changes, others see when it is whole."""

    def __init__(self, archive: Archive, ledger: Ledger, reading: Reading, embedder_of: EmbedderOf) -> None:
        self._archive = archive
        self._ledger = ledger
        self._embedder_of = embedder_of
        self._reading = reading
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._served: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Goes on with what was begun before, if anything was."""
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    def close(self) -> None:
        """What is under way is left to the next start. Waits a while for it to be left."""
        self._stopping.set()
        self._news.set()
        if self._thread:
            self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self._step()
            except Exception as error:  # the outermost edge: the thread outlives what fails on it
                _log.error("files cannot be taken in", exc_info=error)
                busy = False
            if not busy:
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
        except _GivenUp:
            self._ledger.release(claim)
            kept, outcome = self._stopping.is_set(), "given up"
        except Exception as error:  # of what reads, too, when it was ended under us
            if self._stopping.is_set():
                self._ledger.release(claim)
                return
            fault, message = _fault(error)
            self._drop(attachment)
            kept, outcome = self._ledger.finish(claim, "failed", fault, message), f"failed {fault}"
            if fault == "server_error":
                _log.warning("file=%s was not taken in: %s", attachment.file_id, message)
        if not kept and self._ledger.find(attachment.collection_id, attachment.file_id) is None:
            self._drop(attachment)
        _log.info(
            "took in file=%s collection=%s outcome=%s seconds=%.3f",
            attachment.file_id,
            attachment.collection_id,
            outcome.replace(" ", "_"),
            time.monotonic() - began,
        )

    def _drop(self, attachment: Attachment) -> None:
        with suppress(UnknownCollection):  # it may be gone as a whole
            self._archive.drop(attachment.collection_id, [attachment.file_id])

    def _take_in(self, claim: Claim) -> None:
        if claim.tries > _MOST_TRIES:
            raise UnreadableDocument(f"The gateway ended {_MOST_TRIES} times while it took this in.")
        attachment = claim.attachment
        document = self._read(claim)
        if not document.chunks:
            raise UnreadableDocument("There is no text in it.")
        self._require(claim)
        self._put(attachment, document)
        self._ledger.stored(claim)
        self._embed(claim)

    def _read(self, claim: Claim) -> Document:
        attachment = claim.attachment
        file = next((each for each in self._archive.files() if each.id == attachment.file_id), None)
        if file is None:
            raise UnknownFile("It was deleted.")
        document = self._reading.read(
            file.filename, self._archive.content(file.id), source=file.id, cut=attachment.cut
        )
        return replace(document, title=file.filename, file_id=file.id)

    def _put(self, attachment: Attachment, document: Document) -> None:
        """With the attributes that it has by now: they may be changed while it is read, or put."""
        now: Attachment | None = attachment
        while now:
            put = now.attributes
            self._archive.put(
                attachment.collection_id, replace(document, attributes={**put, **document.attributes})
            )
            now = self._ledger.find(attachment.collection_id, attachment.file_id)
            if now and now.attributes == put:
                return

    def _embed(self, claim: Claim) -> None:
        collection_id, reading = claim.attachment.collection_id, self._reading
        collection = next((each for each in self._archive.collections() if each.id == collection_id), None)
        if collection is None:
            raise _GivenUp
        embedder = self._patiently(claim, lambda: self._embedder_of(collection.space))
        if embedder is None:
            if collection.space:
                raise RetrieverFailed(f"The collection's model {collection.space.model} is not served.")
            return

        def require(done: int, of: int) -> None:
            self._require(claim)

        self._patiently(claim, lambda: reading.embed(self._archive, collection_id, embedder, require))

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
            raise _GivenUp

    @contextmanager
    def _alive(self, claim: Claim) -> Iterator[None]:
        """Renews the claim for as long as it is worked on."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(CLAIM_SECONDS / 4):
                with suppress(ArchiveBusy):  # it was away; the next time may still be soon enough
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
        case MissingExtra() | UnknownFormat():
            return "unsupported_file", f"{error.message} {error.hint}".strip()
        case UnreadableDocument():
            return "invalid_file", f"{error.message} {error.hint}".strip()
        case DiskFull() | RetrieverFailed() | OtherSpace() | UnknownFile():
            return "server_error", error.message
    _log.error("a file was not taken in", exc_info=error)
    return "server_error", "The gateway failed on it; its log says why."
