"""What an answer cites: where, which passage, and whether its numbers are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.citing.markers import Marker, find_markers
from kanoa_mlops.grounding.citing.sentences import cited_sentences
from kanoa_mlops.grounding.citing.verify import Evidence, stated, unsupported


@dataclass(frozen=True)
class Span:
    """A mark that names a passage that there is."""

    start: int
    end: int
    """In characters of the answer; the end is not within."""
    number: int
    """Of the passage, counted from 1."""


@dataclass(frozen=True)
class Report:
    spans: tuple[Span, ...]
    """In the order of the answer. One mark that names two passages gives two."""
    verified: dict[int, bool | None]
    """Of each passage that is cited: whether all numbers of the sentences that cite it are in their sources;
    None where these have no numbers."""
    unknown: tuple[int, ...]
    """Numbers that were cited and are of no passage."""
    unsupported: tuple[str, ...]
    """Numbers that are in none of the sources of their sentence, as the answer has them."""

    @property
    def cited(self) -> tuple[int, ...]:
        """In the order of their first mention."""
        return tuple(dict.fromkeys(span.number for span in self.spans))


def report(answer: str, passages: Sequence[str], also: Sequence[Evidence] = ()) -> Report:
    """
    Args:
        passages: the texts, as numbered from 1.
        also: what may stand behind every sentence: the figure's text, the data that was sent along.
    """
    markers = find_markers(answer)
    count = len(passages)
    spans = tuple(
        Span(marker.start, marker.end, number)
        for marker in markers
        for number in marker.numbers
        if number <= count
    )
    unknown = tuple(dict.fromkeys(n for marker in markers for n in marker.numbers if n > count))
    sentences = [each for each in cited_sentences(answer, markers) if any(n <= count for n in each.numbers)]
    verified: dict[int, bool | None] = {}
    missing: list[str] = []
    evidence = [Evidence(passage) for passage in passages]
    without = _without_marks(answer, markers)
    for sentence in sentences:
        own = [evidence[n - 1] for n in sentence.numbers if n <= count]
        said = without[sentence.start : sentence.end]
        lacking = [each.text for each in unsupported(said, [*own, *also])]
        has_numbers = bool(lacking) or any(True for _ in stated(said))
        missing += lacking
        for number in sentence.numbers:
            if number <= count:
                verified[number] = _both(verified.get(number), not lacking if has_numbers else None)
    return Report(spans, verified, unknown, tuple(dict.fromkeys(missing)))


def _both(before: bool | None, now: bool | None) -> bool | None:
    if before is None or now is None:
        return now if before is None else before
    return before and now


def _without_marks(answer: str, markers: Sequence[Marker]) -> str:
    """The same length: a digit beside a mark stays apart from what follows it."""
    pieces, at = [], 0
    for marker in markers:
        pieces += [answer[at : marker.start], " " * (marker.end - marker.start)]
        at = marker.end
    return "".join([*pieces, answer[at:]])
