"""Collections, documents and files come back as they were given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kanoa_mlops.errors import NameTaken, OtherSpace, RetrieverFailed, UnknownCollection, UnknownFile
from kanoa_mlops.grounding.archive import EVERYBODY, Archive, Collection, File, Stats
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Space
from tests.grounding.local.making import NOTES, PAPERS, SPACE, collection, document, embed, found, unit


def test_it_is_an_archive(archive: LocalArchive) -> None:
    taken: Archive = archive
    assert taken is archive


def test_a_collection_comes_back_as_it_was_given(archive: LocalArchive, other: LocalArchive) -> None:
    given = Collection(
        NOTES,
        "Notizen ✓",
        owner="key_1",
        readers=frozenset({"key_2", EVERYBODY}),
        folder="/home/ada/n\udcf6tes",  # a folder's name in Latin-1
        shareable=True,
        attributes={"team": "optics", "year": 2026, "open": True},
        created_at=5.5,
        used_at=6.5,
        expires_days=7,
    )
    archive.create(given)
    assert list(other.collections()) == [collection(), given]


def test_what_may_change_of_a_collection_changes(archive: LocalArchive) -> None:
    changed = replace(
        collection(),
        name="articles",
        readers=frozenset({EVERYBODY}),
        shareable=True,
        attributes={"a": 1},
        used_at=9.0,
        expires_days=3,
    )
    archive.change(changed)
    assert list(archive.collections()) == [changed]


def test_one_owner_has_a_name_once(archive: LocalArchive) -> None:
    with pytest.raises(NameTaken, match="'papers'"):
        archive.create(collection(NOTES))
    archive.create(collection(NOTES, owner="key_1"))
    with pytest.raises(NameTaken, match="'papers'"):
        archive.create(collection("vs_3", owner="key_1"))
    archive.create(collection("vs_3", "notes"))
    with pytest.raises(NameTaken, match="'papers'"):
        archive.change(replace(collection("vs_3"), name="papers"))


def test_a_collection_that_is_not_there_is_told(archive: LocalArchive) -> None:
    for act in (
        lambda: archive.change(collection("vs_9")),
        lambda: archive.remove("vs_9"),
        lambda: archive.put("vs_9", document("a")),
        lambda: archive.drop("vs_9", ["a"]),
        lambda: archive.held("vs_9"),
        lambda: archive.chunks("vs_9", "a"),
        lambda: archive.stats("vs_9"),
        lambda: list(archive.unembedded("vs_9", SPACE)),
        lambda: archive.embed("vs_9", SPACE, [], unit([[1, 0, 0, 0]])[:0]),
        lambda: archive.forget_vectors("vs_9"),
        lambda: archive.search("vs_9", "a", None),
    ):
        with pytest.raises(UnknownCollection, match="'vs_9'"):
            act()


def test_a_document_comes_back_as_it_was_given(archive: LocalArchive) -> None:
    chunks = (Chunk("c1", "a \0 b", 1, "Intro", "text"), Chunk("c2", "", None, "", "table"))
    source = "caf\udce9/drift.pdf"
    given = Document(source, "Drift", "ab", chunks, {"y": 1}, "file-1", "/x/" + source, 12, 3.5, "pdf 1")
    archive.put(PAPERS, given)
    (held,) = archive.held(PAPERS)
    assert (held.source, held.title, held.digest, held.file_id) == (source, "Drift", "ab", "file-1")
    assert (held.path, held.bytes, held.modified, held.reader) == ("/x/" + source, 12, 3.5, "pdf 1")
    assert (held.chunks, held.embedded, held.attributes) == (2, 0, {"y": 1})
    assert held.added_at > 1.7e9
    assert tuple(archive.chunks(PAPERS, source)) == chunks
    assert archive.chunks(PAPERS, "other") == []
    assert archive.stats(PAPERS) == Stats(1, 2, 0, 5)


def test_half_a_letter_is_replaced_in_texts(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "half \ud800 a letter"))
    assert [chunk.text for chunk in archive.chunks(PAPERS, "a")] == ["half ? a letter"]


def test_a_document_takes_the_place_of_what_was_there(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "old apples", "old pears"))
    archive.put(PAPERS, document("a", "new plums"))
    assert [held.chunks for held in archive.held(PAPERS)] == [1]
    assert archive.search(PAPERS, "apples pears", None) == []
    assert found(archive.search(PAPERS, "plums", None)) == ["a#0"]


def test_dropping_tells_how_many_were_there(archive: LocalArchive) -> None:
    for source in "abc":
        archive.put(PAPERS, document(source, "text"))
    assert archive.drop(PAPERS, ["a", "c", "c", "gone"]) == 2
    assert [held.source for held in archive.held(PAPERS)] == ["b"]
    assert archive.drop(PAPERS, []) == 0


def test_a_collections_documents_are_its_own(archive: LocalArchive) -> None:
    archive.create(collection(NOTES, "notes"))
    archive.put(PAPERS, document("a", "secret drift"))
    archive.put(NOTES, document("a", "other drift"))
    assert [passage.text for passage in archive.search(NOTES, "drift secret", None)] == ["other drift"]
    archive.remove(PAPERS)
    assert [each.id for each in archive.collections()] == [NOTES]
    assert [passage.text for passage in archive.search(NOTES, "drift", None)] == ["other drift"]


def test_a_name_that_was_removed_begins_with_nothing(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "drift"))
    assert archive.search(PAPERS, "drift", None)
    archive.remove(PAPERS)
    archive.create(collection())
    assert archive.search(PAPERS, "drift", None) == []
    assert archive.held(PAPERS) == []


def test_files(archive: LocalArchive) -> None:
    files = [File(f"file-{at}", "key_1", f"caf\udce9 {at}.pdf", "assistants", 3, 5.0 - at) for at in range(2)]
    archive.add_file(files[0], b"a\0b")
    archive.add_file(files[1], b"")
    assert archive.files() == [files[1], files[0]]
    assert archive.content("file-0") == b"a\0b"
    assert archive.content("file-1") == b""
    archive.remove_file("file-0")
    assert archive.files() == [files[1]]
    for act in (archive.content, archive.remove_file):
        with pytest.raises(UnknownFile, match="'file-0'"):
            act("file-0")


def test_what_stayed_the_same_keeps_its_vector(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "same", "changed", "gone"))
    embed(archive, ["a#0", "a#1", "a#2"], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    archive.put(PAPERS, document("a", "new", "changed!", "same"))
    assert [chunk.text for lot in archive.unembedded(PAPERS, SPACE) for chunk in lot] == ["new", "changed!"]
    assert archive.stats(PAPERS).embedded == 1
    best = archive.search(PAPERS, "", unit([1, 0, 0, 0]), k=1)[0]
    assert best.text == "same"


def test_lots_have_the_shortest_first_and_see_what_comes(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", *("x" * (at * 7 % 300 + 1) for at in range(300))))
    lots = archive.unembedded(PAPERS, SPACE)
    first = next(lots)
    archive.put(PAPERS, document("b", "late"))
    archive.drop(PAPERS, ["gone"])
    rest = [chunk for lot in lots for chunk in lot]
    assert len(first) > 1
    assert [len(chunk.text) for chunk in first] == sorted(len(chunk.text) for chunk in first)
    assert sorted(chunk.id for chunk in [*first, *rest]) == sorted([*(f"a#{at}" for at in range(300)), "b#0"])


def test_vectors_of_two_models_never_mix(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "one", "two"))
    embed(archive, ["a#0"], [[1, 0, 0, 0]])
    assert archive.collections()[0].space == SPACE
    other = Space("other", 4)
    with pytest.raises(OtherSpace, match=r"tiny \(4 dimensions\).*other \(4\)") as refused:
        archive.embed(PAPERS, other, ["a#1"], unit([[0, 1, 0, 0]]))
    assert "Forget them first" in refused.value.hint
    assert len(next(archive.unembedded(PAPERS, other))) == 2, "all are to be made anew"
    archive.forget_vectors(PAPERS)
    assert archive.collections()[0].space is None
    assert archive.stats(PAPERS).embedded == 0
    assert found(archive.search(PAPERS, "two", unit([1, 0, 0, 0]))) == ["a#1"], "by its words"
    wider = Space("wider", 6)
    archive.embed(PAPERS, wider, ["a#0", "a#1"], unit([[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]))
    assert found(archive.search(PAPERS, "", unit([0, 0, 0, 0, 0, 1]))) == ["a#1"]


@pytest.mark.parametrize("row", [[float("nan"), 0, 0, 0], [float("inf"), 0, 0, 0], [1, 0, 0]])
def test_a_broken_models_vectors_are_refused(archive: LocalArchive, row: list[float]) -> None:
    archive.put(PAPERS, document("a", "one"))
    with pytest.raises(RetrieverFailed, match="not 4 finite numbers"):
        archive.embed(PAPERS, SPACE, ["a#0"], np.array([row], np.float32))
    assert archive.collections()[0].space is None
    assert archive.stats(PAPERS).embedded == 0


def test_a_chunk_that_is_gone_is_passed_over(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "one"))
    embed(archive, ["gone", "a#0"], [[1, 0, 0, 0], [0, 1, 0, 0]])
    assert archive.stats(PAPERS).embedded == 1


def test_ten_thousand_documents_are_held(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("large", *(f"chunk {at}" for at in range(5_000))))
    for at in range(10_000):
        archive.put(PAPERS, document(f"{at:05}", f"text {at}"))
    assert archive.stats(PAPERS).documents == len(archive.held(PAPERS)) == 10_001
    assert archive.search(PAPERS, "7777", None)[0].source == "07777"
    assert len(archive.chunks(PAPERS, "large")) == 5_000
