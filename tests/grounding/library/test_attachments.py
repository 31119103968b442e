"""What is said of attached files while they are taken in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.grounding.archive import OWNER, Archive
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.attachment import Cut, Wanted
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Document
from tests.grounding.local.making import PAPERS, collection, document


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(LocalArchive(tmp_path / "documents.db")) as archive:
        archive.create(collection())
        yield archive


@pytest.mark.parametrize(("of", "question"), [("ledger", "of"), ("archive", "held")])
def test_one_that_is_taken_in_while_it_is_asked_for_is_not_said_to_be_gone(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, of: str, question: str
) -> None:
    """Both are asked, one after the other, and between the two the work on it comes to its end."""
    ledger = Ledger()
    library = Library(archive, ledger=ledger)
    file = library.files.add(OWNER, "a.md", "assistants", b"The sensor drifts.")
    library.attachments.attach(OWNER, PAPERS, [Wanted(file.id)])

    def take_in() -> None:
        claim = ledger.claim("")
        assert claim
        archive.put(PAPERS, document(file.id, "The sensor drifts.", file_id=file.id))
        assert ledger.finish(claim, "completed")

    asked: object = ledger if of == "ledger" else archive
    monkeypatch.setattr(asked, question, _and_then(getattr(asked, question), take_in, monkeypatch))
    assert library.attachments.find(OWNER, PAPERS, file.id).status == "in_progress"
    assert library.attachments.find(OWNER, PAPERS, file.id).status == "completed"


@pytest.mark.parametrize("during", ["read", "put"])
def test_attributes_that_change_while_it_is_taken_in_are_those_it_is_found_by(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    reader = _Reader()
    library = Library(archive, reading=reader)
    file = library.files.add(OWNER, "a.md", "assistants", b"The sensor drifts.")

    def describe() -> None:
        library.attachments.describe(OWNER, PAPERS, file.id, {"year": 2026})

    asked: object = reader if during == "read" else archive
    monkeypatch.setattr(asked, during, _and_then(getattr(asked, during), describe, monkeypatch))
    library.attachments.attach(OWNER, PAPERS, [Wanted(file.id, {"year": 2025})])
    with closing(library):
        library.start()
        while library.attachments.waiting:
            time.sleep(0.01)
    [held] = archive.held(PAPERS)
    assert held.attributes == {"year": 2026}
    assert library.attachments.find(OWNER, PAPERS, file.id).attributes == {"year": 2026}


class _Reader:
    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        return document(source, content.decode())

    def embed(self, *_: object) -> None:
        raise AssertionError("no model is served")


def _and_then(
    ask: Callable[..., Any], happens: Callable[[], None], patches: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """An answer, and at once what makes it old; the next time it is only asked."""

    def asked(*what: object, **how: object) -> Any:
        answer = ask(*what, **how)
        patches.undo()
        happens()
        return answer

    return asked
