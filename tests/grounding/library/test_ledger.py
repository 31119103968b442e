"""What is to be taken in, when several take it and some of them die."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from kanoa_mlops.errors import Failure
from kanoa_mlops.grounding.library import ledger as module
from kanoa_mlops.grounding.library.attachment import Wanted
from kanoa_mlops.grounding.library.ids import moment_of, new_id
from kanoa_mlops.grounding.library.ledger import Claim, Ledger


def wanted(*ids: str) -> list[Wanted]:
    return [Wanted(id) for id in ids]


def test_each_is_claimed_by_one_of_many(tmp_path: Path) -> None:
    """Each worker with a connection of its own, as processes have."""
    Ledger(tmp_path / "l.db").attach("vs", "ann", wanted(*(f"f{n}" for n in range(40))))
    claimed: list[str] = []

    def work() -> None:
        ledger = Ledger(tmp_path / "l.db")
        while claim := ledger.claim("ann"):
            claimed.append(claim.attachment.file_id)
            ledger.finish(claim, "completed")
        ledger.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(claimed) == sorted(f"f{n}" for n in range(40))


def test_what_a_dead_one_claimed_is_free_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLAIM_SECONDS", -1.0)
    ledger = Ledger()
    ledger.attach("vs", "ann", wanted("f"))
    first, second = ledger.claim("ann"), ledger.claim("ann")
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.tries, second.tries) == (1, 2)
    assert not ledger.renew(first)
    assert not ledger.finish(first, "failed", "server_error", "late")
    assert ledger.finish(second, "completed")


def test_what_is_attached_anew_is_no_longer_whose_it_was() -> None:
    ledger = Ledger()
    ledger.attach("vs", "ann", wanted("f"))
    claim = ledger.claim("ann")
    assert isinstance(claim, Claim)
    ledger.attach("vs", "ann", [Wanted("f", {"year": 2026})])
    assert not ledger.stored(claim)
    found = ledger.find("vs", "f")
    assert found is not None
    assert (found.status, found.attributes) == ("in_progress", {"year": 2026})


def test_what_is_released_did_not_count() -> None:
    ledger = Ledger()
    ledger.attach("vs", "ann", wanted("f"))
    for _ in range(5):
        claim = ledger.claim("ann")
        assert isinstance(claim, Claim)
        assert claim.tries == 1
        ledger.release(claim)


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
    with pytest.raises(Failure, match="newer version"):
        Ledger(path)
    path.write_bytes(b"this is no database at all, and never was" * 100)
    with pytest.raises(Failure, match="cannot be used"):
        Ledger(path)


def test_ids_sort_by_when_they_were_given() -> None:
    id, now = new_id("file-")
    assert len(id) == len("file-") + 24
    assert moment_of(id) == now
    assert moment_of("another's") == 0.0
