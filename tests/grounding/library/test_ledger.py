"""What is to be taken in, when several take it and some of them die."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from kanoa_mlops.errors import ArchiveUnusable
from kanoa_mlops.grounding.library import ledger as module
from kanoa_mlops.grounding.library.attachment import Counts, Cut, Wanted
from kanoa_mlops.grounding.library.ids import moment_of, new_id
from kanoa_mlops.grounding.library.ledger import Claim, Ledger
from kanoa_mlops.grounding.library.ledger_file import LedgerFile
from kanoa_mlops.grounding.library.ledger_place import LedgerPlace
from kanoa_mlops.grounding.shared.ledger_table import LedgerTable


def wanted(*ids: str) -> list[Wanted]:
    return [Wanted(id) for id in ids]


Open = Callable[[], Ledger]


@pytest.fixture(params=["file", "table"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """A ledger, each time as another process has it, of the same place."""
    with ExitStack() as stack:
        if request.param == "table":
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        made: Callable[[], LedgerPlace] = (
            partial(LedgerFile, tmp_path / "l.db") if request.param == "file" else lambda: LedgerTable(url)
        )
        yield lambda: stack.enter_context(closing(Ledger(made())))


def test_each_is_claimed_by_one_of_many(opened: Open) -> None:
    """Each worker with a connection of its own, as processes have."""
    opened().attach("vs", "ann", wanted(*(f"f{n}" for n in range(40))))
    claimed: list[str] = []
    ledgers = [opened() for _ in range(4)]

    def work(ledger: Ledger) -> None:
        while claim := ledger.claim("ann"):
            claimed.append(claim.attachment.file_id)
            ledger.finish(claim, "completed")

    threads = [threading.Thread(target=work, args=(each,)) for each in ledgers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(claimed) == sorted(f"f{n}" for n in range(40))


def test_what_one_knows_all_know(opened: Open) -> None:
    one, other = opened(), opened()
    batch, _ = one.attach("vs", "ann", [Wanted("a", {"year": 2026}, Cut(200, 50)), Wanted("b")], batch=True)
    one.attach("vs", "ben", wanted("c"))
    assert one.of("vs") == other.of("vs")
    assert (other.waiting(), other.waiting("ann"), list(other.owners())) == (3, 2, ["ann", "ben"])
    first, second = one.claim("ann"), other.claim("ann")
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.attachment.file_id, second.attachment.file_id) == ("a", "b")
    assert other.claim("ann") is None
    assert one.stored(first)
    assert other.counts("vs") == (Counts(in_progress=3), 1)
    assert one.finish(first, "completed")
    assert other.finish(second, "failed", "invalid_file", "It is \0 damaged.")
    found = one.find("vs", "b")
    assert found is not None
    assert (found.status, found.fault, found.message) == ("failed", "invalid_file", "It is  damaged.")
    told = other.batch(batch)
    assert told is not None
    assert (told.counts, told.status) == (Counts(completed=1, failed=1), "completed")
    later, _ = one.attach("vs", "ann", wanted("d"), batch=True)
    other.cancel(later)
    assert [each.status for each in one.of_batch(later)] == ["cancelled"]
    other.describe("vs", "a", {"year": 2027})
    assert [each.attributes for each in one.of("vs") if each.file_id == "a"] == [{"year": 2027}]
    assert one.forget("vs", "a")
    assert not other.forget("vs", "a")
    assert other.forget("vs")
    assert (one.of("vs"), one.batch(batch)) == ([], None)


def test_what_a_dead_one_claimed_is_free_after_a_while(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLAIM_SECONDS", -1.0)
    ledger = opened()
    ledger.attach("vs", "ann", wanted("f"))
    first, second = ledger.claim("ann"), opened().claim("ann")
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.tries, second.tries) == (1, 2)
    assert not ledger.renew(first)
    assert not ledger.finish(first, "failed", "server_error", "late")
    assert ledger.finish(second, "completed")


def test_what_is_attached_anew_is_no_longer_whose_it_was(opened: Open) -> None:
    ledger = opened()
    ledger.attach("vs", "ann", wanted("f"))
    claim = ledger.claim("ann")
    assert isinstance(claim, Claim)
    opened().attach("vs", "ann", [Wanted("f", {"year": 2026})])
    assert not ledger.stored(claim)
    found = ledger.find("vs", "f")
    assert found is not None
    assert (found.status, found.attributes) == ("in_progress", {"year": 2026})


def test_what_is_released_did_not_count(opened: Open) -> None:
    ledger = opened()
    ledger.attach("vs", "ann", wanted("f"))
    for _ in range(5):
        claim = ledger.claim("ann")
        assert isinstance(claim, Claim)
        assert claim.tries == 1
        ledger.release(claim)


def test_what_is_forgotten_is_in_no_file_while_it_is_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.db")
    ledger.attach("vs", "ann", [Wanted("f", {"note": "xylophone"})])
    assert any(b"xylophone" in each.read_bytes() for each in tmp_path.iterdir())
    ledger.forget("vs", "f")
    assert all(b"xylophone" not in each.read_bytes() for each in tmp_path.iterdir())
    ledger.close()


def test_it_outlives_its_process_and_forgets_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = Ledger(path)
    batch, _ = ledger.attach("vs", "ann", [Wanted("f", {"note": "xylophone"})], batch=True)
    ledger.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = Ledger(path)
    found = again.batch(batch)
    assert found is not None
    assert (found.status, found.counts.in_progress) == ("in_progress", 1)
    again.forget("vs")
    again.close()
    assert all(b"xylophone" not in each.read_bytes() for each in tmp_path.iterdir())


def test_a_newer_or_damaged_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    Ledger(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ArchiveUnusable, match="newer kanoa-mlops"):
        Ledger(path)
    path.write_bytes(b"this is no database at all, and never was" * 100)
    with pytest.raises(ArchiveUnusable, match="is damaged"):
        Ledger(path)


def test_ids_sort_by_when_they_were_given() -> None:
    id, now = new_id("file-")
    assert len(id) == len("file-") + 24
    assert moment_of(id) == now
    assert moment_of("another's") == 0.0
