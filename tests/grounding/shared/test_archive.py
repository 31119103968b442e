"""What an archive promises, on a real server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kanoa_mlops.errors import KanoaError, NameTaken, OtherSpace, UnknownCollection, UnknownFile
from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.filters import Comparison
from kanoa_mlops.grounding.shared import SharedArchive, nearest, vectors
from kanoa_mlops.grounding.types import Chunk, Document, Ranking, Space
from tests.grounding.shared.making import SPACE, collection, document, embed_all, put_all, vector

MEANING = Ranking(0.0, 1.0)


def test_a_collection_is_kept_as_it_was_given(archive: SharedArchive) -> None:
    first = collection(
        "papers", owner="key_1", readers=frozenset({"*", "key_2"}), folder="/data/ü", created_at=1.0
    )
    second = collection("papers", attributes={"lab": "B"}, shareable=True, expires_days=7, created_at=2.0)
    archive.create(first)
    archive.create(second)
    assert list(archive.collections()) == [first, second]
    changed = replace(second, name="notes", readers=frozenset({"key_3"}), used_at=3.0, shareable=False)
    archive.change(changed)
    assert archive.collections()[1] == changed
    with pytest.raises(NameTaken, match="'papers'"):
        archive.create(collection("papers", owner="key_1"))
    archive.create(third := collection("drafts", owner="key_1"))
    with pytest.raises(NameTaken, match="'papers'"):
        archive.change(replace(third, name="papers"))


def test_what_is_not_there_is_told(archive: SharedArchive) -> None:
    ghost = collection()
    calls: list[Any] = [
        lambda: archive.change(ghost),
        lambda: archive.remove(ghost.id),
        lambda: archive.put(ghost.id, document("a", "text")),
        lambda: archive.drop(ghost.id, ["a"]),
        lambda: archive.held(ghost.id),
        lambda: archive.chunks(ghost.id, "a"),
        lambda: archive.stats(ghost.id),
        lambda: list(archive.unembedded(ghost.id, SPACE)),
        lambda: archive.embed(ghost.id, SPACE, ["a"], np.stack([vector("a")])),
        lambda: archive.forget_vectors(ghost.id),
        lambda: archive.search(ghost.id, "a", None),
    ]
    for call in calls:
        with pytest.raises(UnknownCollection):
            call()
    for call in (lambda: archive.content("file-x"), lambda: archive.remove_file("file-x")):
        with pytest.raises(UnknownFile):
            call()


def test_files_are_kept_whole(archive: SharedArchive) -> None:
    file = File("file-1", "key_1", "caf\udce9.pdf", "assistants", 3, 1.0)
    archive.add_file(file, b"\x00\xff\x01")
    assert list(archive.files()) == [file]
    assert archive.content("file-1") == b"\x00\xff\x01"
    archive.remove_file("file-1")
    assert list(archive.files()) == []


def test_a_document_takes_the_place_of_the_one_before_and_keeps_the_vectors_of_what_stayed(
    archive: SharedArchive,
) -> None:
    made = collection()
    archive.create(made)
    archive.put(made.id, document("a.md", "drift of the sensor", "limits"))
    assert embed_all(archive, made.id) == 2
    archive.put(made.id, document("a.md", "limits", "noise of the sensor"))
    [lot] = list(archive.unembedded(made.id, SPACE))
    assert [chunk.text for chunk in lot] == ["noise of the sensor"]
    assert [p.text for p in archive.search(made.id, "drift", None)] == []
    assert archive.search(made.id, "", vector("limits"), ranking=MEANING)[0].text == "limits"
    assert archive.stats(made.id).embedded == 1


def test_spaces_never_mix(archive: SharedArchive) -> None:
    made, other = collection(), Space("another-model", 5)
    archive.create(made)
    put_all(archive, made.id, [document("a.md", "drift"), document("b.md", "noise")])
    assert archive.collections()[0].space is None
    embed_all(archive, made.id)
    assert archive.collections()[0].space == SPACE
    assert sum(map(len, archive.unembedded(made.id, other))) == 2
    with pytest.raises(OtherSpace, match=r"of some-model \(8 dimensions\), these of another-model \(5\)"):
        archive.embed(made.id, other, ["x"], np.stack([vector("x", other)]))
    same_size = Space("another-model", 8)
    with pytest.raises(OtherSpace):
        archive.embed(made.id, same_size, ["x"], np.stack([vector("x", same_size)]))
    archive.forget_vectors(made.id)
    assert archive.collections()[0].space is None
    assert [p.text for p in archive.search(made.id, "drift", vector("noise"))] == ["drift"]
    assert embed_all(archive, made.id, other) == 2
    assert archive.search(made.id, "", vector("noise", other), ranking=MEANING)[0].text == "noise"


def test_a_chunk_that_is_gone_meanwhile_is_passed_over(archive: SharedArchive) -> None:
    made = collection()
    archive.create(made)
    archive.put(made.id, document("a.md", "drift"))
    [[chunk]] = list(archive.unembedded(made.id, SPACE))
    archive.put(made.id, document("a.md", "other words"))
    archive.embed(made.id, SPACE, [chunk.id], np.stack([vector("drift")]))
    assert archive.stats(made.id).embedded == 0


def test_texts_that_postgres_cannot_hold_are_held_nevertheless(archive: SharedArchive) -> None:
    made = collection()
    archive.create(made)
    chunk = Chunk("c\x00", "nul \x00 and half \ud800 drift", heading="\x00")
    archive.put(
        made.id, Document("caf\udce9\x00.md", "\x00", "", (chunk,), {"a\x00": "b\ud800", "inf": float("inf")})
    )
    [found] = archive.search(made.id, "drift", None)
    assert found.source == "caf\udce9\x00.md"
    assert "drift" in found.text
    assert "inf" not in found.attributes


def test_long_collections_are_found_as_exactly_as_short_ones(
    archive: SharedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through an index, and filtered by what lets one in ten pass, one in two, and nearly all."""
    space = Space("m", 16)
    monkeypatch.setattr(vectors, "EXACT", 500)
    for name in ("EXACT", "_EXACT_OF_MOST", "_LONGEST_EXACT"):
        monkeypatch.setattr(nearest, name, 0)
    random = np.random.default_rng(7)
    centres = random.normal(size=(40, 16))
    rows = centres[random.integers(40, size=3000)] + 0.6 * random.normal(size=(3000, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    made = collection()
    archive.create(made)
    for start in range(0, 3000, 30):
        chunks = tuple(Chunk(str(number), f"text {number}") for number in range(start, start + 30))
        archive.put(made.id, Document(f"{start}.md", "", "", chunks, {"tenth": start // 30 % 10}))
    for start in range(0, 3000, 500):
        ids = [str(number) for number in range(start, start + 500)]
        archive.embed(made.id, space, ids, rows[start : start + 500])
    tenth = np.arange(3000) // 30 % 10
    for operator, value, passes in [("eq", 3, tenth == 3), ("lt", 5, tenth < 5), ("ne", 0, tenth != 0)]:
        hits = 0
        for question in rows[:50]:
            likeness = np.where(passes, rows @ question, -1)
            wanted = set(map(str, np.argsort(-likeness)[:10]))
            filters = Comparison(operator, "tenth", value)  # type: ignore[arg-type]
            found = archive.search(made.id, "", question, k=10, filters=filters, ranking=MEANING)
            assert all(filters.passes(each.attributes) for each in found)
            hits += len(wanted & {each.chunk_id for each in found})
        assert hits / 500 >= 0.97, operator


def test_several_gateways_write_one_collection_at_once(archive: SharedArchive, url: str) -> None:
    made = collection()
    archive.create(made)
    others = [SharedArchive(url) for _ in range(3)]
    errors: list[KanoaError] = []

    def write(number: int) -> None:
        try:
            for count in range(12):
                others[number].put(
                    made.id, document(f"{number}-{count % 8}.md", f"drift {number} {count}", "sensor")
                )
                if count % 4 == 3:
                    others[number].drop(made.id, [f"{number}-{count % 8}.md"])
        except KanoaError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    held = archive.held(made.id)
    stats = archive.stats(made.id)
    assert (stats.documents, stats.chunks) == (len(held), 2 * len(held))
    found = archive.search(made.id, "drift sensor", None, k=100)
    assert len(found) == stats.chunks
    assert {each.source for each in found} == {each.source for each in held}
    for other in others:
        other.close()


def test_new_archives_that_are_opened_at_once_agree(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: SharedArchive(url), range(6)))
    opened[0].create(collection())
    assert len(opened[5].collections()) == 1
    for each in opened:
        each.close()


def test_what_fails_in_the_middle_changes_nothing(
    archive: SharedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = collection()
    archive.create(made)
    archive.put(made.id, document("a.md", "drift"))
    before = (archive.held(made.id), archive.stats(made.id))

    def broken(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr("kanoa_mlops.grounding.shared.words.add", broken)
    for source in ("a.md", "b.md"):
        with pytest.raises(RuntimeError):
            archive.put(made.id, document(source, "noise"))
    monkeypatch.undo()
    assert (archive.held(made.id), archive.stats(made.id)) == before
    assert [p.text for p in archive.search(made.id, "drift noise", None)] == ["drift"]
