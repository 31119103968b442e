"""What is said of attached files while they are taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.grounding.archive import OWNER, Archive
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.attachment import Wanted
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.local import LocalArchive
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


def _and_then(
    ask: Callable[..., Any], happens: Callable[[], None], patches: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """An answer, and at once what makes it old; the next time it is only asked."""

    def asked(*what: object) -> Any:
        answer = ask(*what)
        patches.undo()
        happens()
        return answer

    return asked
