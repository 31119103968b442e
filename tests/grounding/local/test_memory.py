"""What is held in memory is in step with the file, whoever changed it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pytest import approx

from kanoa_mlops.grounding.filters import Comparison
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Space
from tests.grounding.local.making import PAPERS, collection, document, unit

sources = st.sampled_from("pqrs")
texts = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(" ".join), max_size=4)


class TwoProcesses(RuleBasedStateMachine):
    """Each searches what either wrote; one that opens the file anew must find the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "archive.db"
        self.archives = [LocalArchive(self.path), LocalArchive(self.path)]
        self.archives[0].create(collection())
        self.dimensions = 3

    def teardown(self) -> None:
        for archive in self.archives:
            archive.close()
        self.folder.cleanup()

    @rule(who=st.integers(0, 1), source=sources, texts=texts, year=st.integers(1, 2))
    def put(self, who: int, source: str, texts: list[str], year: int) -> None:
        self.archives[who].put(PAPERS, document(source, *texts, attributes={"year": year}))

    @rule(who=st.integers(0, 1), dropped=st.lists(sources, max_size=3))
    def drop(self, who: int, dropped: list[str]) -> None:
        self.archives[who].drop(PAPERS, dropped)

    @rule(who=st.integers(0, 1), most=st.integers(1, 5))
    def embed(self, who: int, most: int) -> None:
        space = Space("tiny", self.dimensions)
        for lot in self.archives[who].unembedded(PAPERS, space):
            chunks = lot[:most]
            rows = [
                [len(chunk.text), chunk.text.count("a"), *[1] * (self.dimensions - 2)] for chunk in chunks
            ]
            self.archives[who].embed(PAPERS, space, [chunk.id for chunk in chunks], unit(rows))

    @precondition(lambda self: self.archives[0].collections()[0].space is not None)
    @rule(who=st.integers(0, 1), dimensions=st.integers(2, 5))
    def forget(self, who: int, dimensions: int) -> None:
        self.archives[who].forget_vectors(PAPERS)
        self.dimensions = dimensions

    @rule()
    def search_by_the_other(self) -> None:
        """Now and then alone, so that it has more to catch up with."""
        new = LocalArchive(self.path)
        self._compare(self.archives[1], new, "a b c")
        new.close()

    @invariant()
    def one_finds_what_a_new_one_finds(self) -> None:
        new = LocalArchive(self.path)
        for query in ("a", "b c", "a b c d e"):
            self._compare(self.archives[0], new, query)
        new.close()

    def _compare(self, one: LocalArchive, other: LocalArchive, query: str) -> None:
        space = one.collections()[0].space
        vector = unit([1.0] * space.dimensions) if space else None
        year = Comparison("eq", "year", 1)
        for given, filters in ((None, None), (vector, None), (vector, year)):
            left, right = (
                {(each.chunk_id, each.text): each.score for each in found}
                for found in (one.search(PAPERS, query, given, k=20, filters=filters) for one in (one, other))
            )
            assert left == approx(right, abs=1e-5)


TestTwoProcesses = TwoProcesses.TestCase
TestTwoProcesses.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
