"""One search over many stores: merged by rank, bounded in time, by who may see them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import BadFilter, CollectionExpired, KeptElsewhere, RetrieverFailed, UnknownCollection
from kanoa_mlops.grounding.archive import EVERYBODY, OWNER, Collection, Reader
from kanoa_mlops.grounding.filters import Comparison, Filter
from kanoa_mlops.grounding.library import Bound, Found, Library
from kanoa_mlops.grounding.library.bound import bound_id
from kanoa_mlops.grounding.library.merging import merged
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking, Space

ANN, BOB = Reader("ann"), Reader("bob")


@dataclass
class Provider:
    """A store of somebody else, that does as it is told."""

    name: str
    texts: Sequence[str] = ()
    error: Exception | None = None
    gate: threading.Event | None = None
    asked: list[str] = field(default_factory=list)

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        self.asked.append(query)
        if self.gate:
            self.gate.wait(60)
        if self.error:
            raise self.error
        return [Passage(text, f"{self.name}/{n}", 0.9 - n / 10) for n, text in enumerate(self.texts)][:k]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LocalArchive]:
    opened = LocalArchive(tmp_path / "documents.db")
    yield opened
    opened.close()


def put(archive: LocalArchive, id: str, owner: str, *texts: str, **terms: object) -> str:
    terms = {"created_at": 1.0, "used_at": 1.0, **terms}
    archive.create(replace(Collection(id, id.removeprefix("vs_"), owner), **terms))  # type: ignore[arg-type]
    for number, text in enumerate(texts):
        chunk = Chunk(f"{id}-{number}", text, page=number + 1)
        archive.put(id, Document(f"{number}.txt", f"{number}.txt", "0" * 64, (chunk,)))
    return id


def texts(found: Found) -> list[str]:
    return [each.text for each in found.passages]


def test_stores_are_merged_by_rank(archive: LocalArchive) -> None:
    put(archive, "vs_notes", "", "the drift of may", "the drift of june", "the noise")
    library = Library(archive, bound={"wiki": Bound(Provider("wiki", ["drift in the wiki", "more"]))})
    found = library.search(OWNER, ["notes", "wiki"], "drift", k=3)
    assert {each.store for each in found.passages[:2]} == {"notes", "wiki"}
    assert (len(found.passages), found.stores, found.failures) == (3, ("notes", "wiki"), {})


def test_several_queries_are_asked_of_every_store(archive: LocalArchive) -> None:
    put(archive, "vs_notes", "", "the drift", "the noise")
    wiki = Provider("wiki", ["both"])
    found = Library(archive, bound={"wiki": Bound(wiki)}).search(OWNER, ["notes", "wiki"], ["drift", "noise"])
    assert wiki.asked == ["drift", "noise"]
    assert set(texts(found)) == {"the drift", "the noise", "both"}
    assert texts(found)[0] == "both"  # first in two lists


def test_of_one_store_the_order_and_the_scores_are_its_own(archive: LocalArchive) -> None:
    wiki = Provider("wiki", ["a", "b", "c"])
    found = Library(archive, bound={"wiki": Bound(wiki)}).search(OWNER, ["wiki"], "x", k=2)
    assert [(each.text, each.score) for each in found.passages] == [("a", 0.9), ("b", 0.8)]
    least = Ranking(score_threshold=0.85)
    found = Library(archive, bound={"wiki": Bound(wiki)}).search(OWNER, ["wiki"], "x", ranking=least)
    assert texts(found) == ["a"]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RetrieverFailed("wiki: HTTP 500."), RetrieverFailed, "HTTP 500"),
        (BadFilter("It cannot say 'nin'."), BadFilter, "nin"),
        (ValueError("about the secret query"), RetrieverFailed, "ValueError"),
        (TimeoutError(), RetrieverFailed, "of its own"),
    ],
)
def test_a_store_that_fails_is_told_and_the_others_are_there(
    archive: LocalArchive, error: Exception, kind: type[Exception], words: str
) -> None:
    put(archive, "vs_notes", "", "the drift")
    library = Library(archive, bound={"wiki": Bound(Provider("wiki", error=error))})
    found = library.search(OWNER, ["notes", "wiki"], "drift")
    assert texts(found) == ["the drift"]
    assert isinstance(found.failures["wiki"], kind)
    assert words in str(found.failures["wiki"])
    assert "secret" not in str(found.failures["wiki"])


def test_a_store_that_hangs_holds_up_nobody(archive: LocalArchive) -> None:
    put(archive, "vs_notes", "", "the drift")
    gate = threading.Event()
    library = Library(archive, bound={"wiki": Bound(Provider("wiki", ["late"], gate=gate))}, seconds=3.0)
    found = library.search(OWNER, ["notes", "wiki"], "drift")
    assert texts(found) == ["the drift"]
    assert "did not answer within" in str(found.failures["wiki"])
    library._seconds = 0.1
    refusals = [library.search(OWNER, ["wiki"], "drift").failures["wiki"] for _ in range(17)]
    assert "16 other searches" in str(refusals[-1])  # and so many threads are all that it keeps
    gate.set()


def test_the_unknown_and_the_foreign_are_one(archive: LocalArchive) -> None:
    put(archive, "vs_hers", "ann", "the drift")
    library = Library(archive, bound={"wiki": Bound(Provider("wiki", ["a"]))})
    messages = set()
    for name in ("hers", "vs_hers", "wiki", bound_id("wiki"), "none"):
        with pytest.raises(UnknownCollection) as unknown:
            library.search(BOB, [name], "drift")
        messages.add(unknown.value.message.replace(name, "NAME"))
    assert len(messages) == 1
    assert texts(library.search(ANN, ["hers"], "drift")) == ["the drift"]
    assert texts(library.search(OWNER, ["vs_hers"], "drift")) == ["the drift"]


def test_readers_search_and_do_not_change(archive: LocalArchive) -> None:
    put(archive, "vs_hers", "ann", "the drift", readers=frozenset({"bob"}))
    put(archive, "vs_open", "ann", "the noise", readers=frozenset({EVERYBODY}))
    bound = {"wiki": Bound(Provider("wiki", ["a"]), readers=frozenset({"bob"}))}
    library = Library(archive, bound=bound)
    for name in ("hers", "open", "wiki"):
        assert library.search(BOB, [name], "drift noise").passages
        with pytest.raises((UnknownCollection, KeptElsewhere)):
            library.shelves.own(BOB, name)
    with pytest.raises(UnknownCollection):
        library.search(Reader("eve"), ["hers"], "drift")


def test_what_may_leave_is_what_all_let_leave(archive: LocalArchive) -> None:
    put(archive, "vs_open", "", "a", shareable=True)
    put(archive, "vs_shut", "", "b")
    library = Library(archive)
    assert library.search(OWNER, ["open"], "a").shareable
    assert not library.search(OWNER, ["shut"], "a").shareable
    assert not library.search(OWNER, ["open", "shut"], "a").shareable


def test_a_filter_lets_nothing_else_through(archive: LocalArchive) -> None:
    put(archive, "vs_notes", "")
    for year in (2025, 2026):
        chunk = Chunk(f"c{year}", f"the drift of {year}")
        archive.put("vs_notes", Document(f"{year}", f"{year}", "0" * 64, (chunk,), {"year": year}))
    found = Library(archive).search(OWNER, ["notes"], "drift", filters=Comparison("eq", "year", 2026))
    assert texts(found) == ["the drift of 2026"]


def test_expired_collections_say_so(archive: LocalArchive) -> None:
    put(archive, "vs_old", "", "the drift", expires_days=1)
    failure = Library(archive).search(OWNER, ["old"], "drift").failures["old"]
    assert isinstance(failure, CollectionExpired)


def test_a_search_is_a_use_and_seldom_a_writing(archive: LocalArchive) -> None:
    put(archive, "vs_notes", "", "the drift")
    library = Library(archive)
    library.search(OWNER, ["notes"], "drift")
    [first] = archive.collections()
    assert first.used_at > 1.0
    library.search(OWNER, ["notes"], "drift")
    assert list(archive.collections()) == [first]


def test_without_its_model_a_collection_is_found_by_words_and_says_so(archive: LocalArchive) -> None:
    import numpy

    put(archive, "vs_notes", "", "the drift")
    vectors = numpy.array([[1.0, 0.0]], dtype=numpy.float32)
    archive.embed("vs_notes", Space("words", 2), ["vs_notes-0"], vectors)
    found = Library(archive).search(OWNER, ["notes"], "drift")
    assert texts(found) == ["the drift"]
    assert "words is not served" in found.warnings["notes"]
    quiet = Library(archive).search(OWNER, ["notes"], "drift", ranking=Ranking(1.0, 0.0))
    assert quiet.warnings == {}


def test_a_citation_of_a_folders_document_leads_to_its_file(archive: LocalArchive, tmp_path: Path) -> None:
    paper = tmp_path / "paper.md"
    paper.write_text("the drift")
    archive.create(Collection("vs_folder", "folder", folder=str(tmp_path), created_at=1.0))
    chunk = Chunk("c1", "the drift")
    archive.put("vs_folder", Document("paper.md", "Paper", "0" * 64, (chunk,), path=str(paper)))
    library = Library(archive)
    [passage] = library.search(OWNER, ["folder"], "drift").passages
    file, content = library.files.content(OWNER, passage.file_id)
    assert (file.filename, content) == ("paper.md", b"the drift")


passages = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8).map(
    lambda names: [Passage(name, name, store="s") for name in names]
)


@given(st.lists(passages, max_size=4), st.integers(1, 10))
def test_a_merger_keeps_each_once_and_the_leader_of_all_first(lists: list[list[Passage]], k: int) -> None:
    found = merged(lists, k)
    known = {each.text for one in lists for each in one}
    assert len(found) == min(k, len(known)) == len({each.text for each in found})
    if lists and all(lists) and len({one[0].text for one in lists}) == 1:
        assert found[0] == lists[0][0]
    if len(lists) == 1:
        assert list(found) == lists[0][:k]
