"""Whatever a connector does, a search ends, and in one way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from kanoa_mlops.errors import BadFilter, MissingExtra, RetrieverFailed
from kanoa_mlops.grounding.connectors import Entry, Store
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Passage, Retriever


@dataclass(frozen=True)
class Doing:
    """A retriever that does this."""

    work: Callable[[], Sequence[Passage]]
    name: str = "inner"

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        return self.work()


class Made(Entry):
    make: Callable[[], Retriever]

    def connect(self, name: str) -> Retriever:
        return self.make()


def store(work: Callable[[], Sequence[Passage]], seconds: float = 60) -> Store:
    return Store("lab", Made(make=lambda: Doing(work)), seconds)


def raising(error: Exception) -> Callable[[], Sequence[Passage]]:
    def work() -> Sequence[Passage]:
        raise error

    return work


def test_it_is_connected_once_by_whoever_comes_first_and_again_after_it_failed() -> None:
    made: list[int] = []

    def make() -> Retriever:
        made.append(1)
        if len(made) == 1:
            raise OSError("not yet")
        return Doing(lambda: [Passage("a", "b")])

    lab = Store("lab", Made(make=make))
    assert made == []
    with pytest.raises(RetrieverFailed, match="lab failed: OSError"):
        lab.search("x")
    threads = [threading.Thread(target=lab.search, args=("x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2


def test_passages_bear_its_name_and_are_no_more_than_asked_for() -> None:
    found = store(lambda: [Passage(str(number), "s", store="other") for number in range(9)]).search("x", k=3)
    assert [(each.text, each.store) for each in found] == [("0", "lab"), ("1", "lab"), ("2", "lab")]


def test_one_that_hangs_is_left_and_never_more_than_sixteen_hang() -> None:
    let_go, hanging = threading.Event(), threading.Semaphore(0)

    def hang() -> Sequence[Passage]:
        hanging.release()
        let_go.wait(60)
        return []

    lab = store(hang, seconds=0.05)
    for _ in range(16):
        with pytest.raises(RetrieverFailed, match="did not answer within"):
            lab.search("x")
    with pytest.raises(RetrieverFailed, match="16 searches of it are under way"):
        lab.search("x")
    let_go.set()
    lab.seconds = 60
    assert lab.search("x") == []
    assert all(hanging.acquire(timeout=60) for _ in range(17))
    assert not hanging.acquire(blocking=False)


def test_a_filter_that_cannot_be_said_is_told_as_it_is() -> None:
    with pytest.raises(BadFilter, match="no such word"):
        store(raising(BadFilter("no such word"))).search("x")


def test_what_is_not_installed_or_breaks_is_a_failure_with_the_next_step() -> None:
    with pytest.raises(RetrieverFailed, match="lab: Nothing reads it") as caught:
        store(raising(MissingExtra("Nothing reads it.", hint="pip install x"))).search("x")
    assert caught.value.hint == "pip install x"
    with pytest.raises(RetrieverFailed, match="KeyError") as caught:
        store(raising(KeyError("sk-secret"))).search("x")
    assert "sk-secret" not in str(caught.value)
