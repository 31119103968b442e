"""How blocks become chunks, and what their ids are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.ingest.block import Block, Split, Spot, table
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.cutting import Piece, cut
from kanoa_mlops.grounding.ingest.identity import identified
from kanoa_mlops.grounding.ingest.sentences import sentences
from kanoa_mlops.grounding.ingest.tokens import estimate

WORD = st.text("abcdefgABC0123.!? äé漢-|", min_size=1, max_size=12)
TEXT = st.lists(
    st.sampled_from(["flow", "Flow", "limit.", "12.5", "\n", "\n\n", "- one", "漢字。"]) | WORD, max_size=120
)
HEADINGS = st.lists(st.sampled_from(["One", "Two"]), max_size=2).map(tuple)


KINDS: tuple[Split, ...] = ("prose", "lines", "rows")


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    found = []
    for page in range(1, draw(st.integers(1, 4))):
        for _ in range(draw(st.integers(0, 3))):
            text = " ".join(draw(TEXT))
            kind = draw(st.sampled_from(KINDS))
            if kind == "rows":
                rows = [["a", "b"], *([line, "x"] for line in text.split("\n") if line.strip())]
                found.append(table(rows, heading=draw(HEADINGS), page=page))
            else:
                found.append(Block(text, draw(HEADINGS), page, split=kind))
    return found


def cut_all(given: Sequence[Block], chunking: Chunking) -> list[Piece]:
    return list(cut(given, chunking))


@settings(deadline=None)
@given(blocks(), st.sampled_from([Chunking(40), Chunking(), Chunking(60, 20), Chunking(16, 8)]))
def test_all_words_stay_on_their_page_and_in_order(given: list[Block], chunking: Chunking) -> None:
    pieces = cut_all(given, chunking)
    for page in {block.page for block in given}:
        there = "".join("".join(block.text.split()) for block in given if block.page == page)
        ours = "".join("".join(piece.text.split()) for piece in pieces if piece.page == page)
        rest = iter(ours)  # headings, headers and what chunks share come on top
        assert all(letter in rest for letter in there)


@settings(deadline=None)
@given(blocks(), st.sampled_from([Chunking(40), Chunking(), Chunking(60, 20)]))
def test_no_piece_of_running_text_is_larger_than_asked(given: list[Block], chunking: Chunking) -> None:
    for piece in cut_all(given, chunking):
        if piece.kind == "text":
            assert estimate(piece.text) <= chunking.max_tokens


@settings(deadline=None)
@given(blocks(), st.sampled_from([Chunking(40), Chunking(), Chunking(60, 20)]))
def test_ids_are_unique_within_a_document(given: list[Block], chunking: Chunking) -> None:
    ids = [chunk.id for chunk in identified("a.md", cut_all([*given, *given], chunking))]
    assert len(set(ids)) == len(ids)


@given(TEXT)
def test_sentences_lose_no_word(words: list[str]) -> None:
    text = " ".join(words)
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_sentences_end_where_they_end() -> None:
    text = "See Fig. 3 and e.g. J. Smith et al. for it. Then (at 3.5 bar) it opens! Does it? Yes."
    assert sentences(text) == [
        "See Fig. 3 and e.g. J. Smith et al. for it.",
        "Then (at 3.5 bar) it opens!",
        "Does it?",
        "Yes.",
    ]


def prose(count: int) -> list[str]:
    return [
        f"Sentence number {n} says that valve {n * 7 % 31} opens at {n} bar of pressure."
        for n in range(count)
    ]


def test_chunks_are_of_good_size_and_end_with_sentences() -> None:
    pieces = cut_all([Block(" ".join(prose(200)))], Chunking())
    assert all(piece.text.endswith(".") for piece in pieces)
    assert all(150 <= estimate(piece.text) <= 300 for piece in pieces)


@pytest.mark.parametrize("at", [0, 3, 60])
def test_a_change_moves_only_the_chunks_near_it(at: int) -> None:
    lines = prose(400)
    before = {chunk.id for chunk in identified("a", cut_all([Block(" ".join(lines))], Chunking()))}
    lines.insert(at, "A new sentence came in.")
    after = {chunk.id for chunk in identified("a", cut_all([Block(" ".join(lines))], Chunking()))}
    assert len(after - before) < len(after) / 3


def test_a_page_before_changes_no_id() -> None:
    page = Block("The valve opens.", ("Valves",), 1, Spot("cell", 4, 4))
    moved = Block("The valve opens.", ("Valves",), 2, Spot("cell", 9, 9))
    [one], [other] = (identified("a", cut_all([block], Chunking())) for block in (page, moved))
    assert one.id == other.id
    assert (other.page, other.heading) == (2, "Valves > cell 9")


def test_an_id_tells_sources_and_headings_apart() -> None:
    def id_of(source: str, heading: str) -> str:
        return identified(source, [Piece("text", (heading,))])[0].id

    assert len({id_of("a", "x"), id_of("b", "x"), id_of("a", "y")}) == 3


def test_small_sections_are_one_chunk_that_says_their_headings() -> None:
    [piece] = cut_all(
        [Block("It opens.", ("Valve", "Open")), Block("It shuts.", ("Valve", "Shut"))], Chunking()
    )
    assert piece.heading == ("Valve",)
    assert piece.text == "Open\nIt opens.\n\nShut\nIt shuts."


def test_chapters_are_not_joined() -> None:
    assert len(cut_all([Block("It opens.", ("One",)), Block("It shuts.", ("Two",))], Chunking())) == 2


def test_rows_are_whole_and_the_header_stands_over_each_piece() -> None:
    rows = [["name", "words"], *([f"r{n}", "flow " * (n % 40)] for n in range(100))]
    pieces = cut_all([table(rows, caption="Table 1", first_row=2)], Chunking(100))
    assert all(piece.text.startswith("Table 1\n| name | words |\n| --- | --- |\n| r") for piece in pieces)
    lines = [line for piece in pieces for line in piece.text.split("\n")[3:]]
    assert [line.split("|")[1].strip() for line in lines] == [f"r{n}" for n in range(100)]
    assert str(pieces[0].spot).startswith("rows 2-")
    assert pieces[-1].spot is not None and pieces[-1].spot.last == 101


def test_what_chunks_share_is_as_asked() -> None:
    pieces = cut_all([Block(" ".join(prose(100)))], Chunking(200, 50))
    for one, other in pairwise(pieces):
        shared = [line for line in sentences(one.text) if line in other.text]
        assert 0 < sum(map(estimate, shared)) <= 50
        assert other.text.startswith(shared[0])


@pytest.mark.parametrize(("most", "overlap"), [(8, 0), (5000, 0), (100, 60), (100, -1)])
def test_a_strategy_that_makes_no_sense_is_refused(most: int, overlap: int) -> None:
    with pytest.raises(UserError):
        Chunking(most, overlap)


def test_the_strategies_of_openai_are_possible() -> None:
    assert cut_all([Block(" ".join(prose(100)))], Chunking(800, 400))
    assert cut_all([Block(" ".join(prose(100)))], Chunking(4096, 2048))
