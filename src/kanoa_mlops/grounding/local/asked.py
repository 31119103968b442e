"""The terms of a question, without the words that only make it one, and whether it is one.

Texts seldom say "why" or "how do I", so that such words would tell most by their rarity. With them left out
nDCG@10 by words is 0.52 rather than 0.38 for the questions of Python's FAQ, 0.39 rather than 0.38 for
Cranfield, and 0.71 rather than 0.68 for a figure's text after a prompt (bench/grounding/corpora, measured
2026-11-28). They are in the index all the same: where a question has no others, it is searched by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from kanoa_mlops.grounding.local.terms import counts

_WORDS = """
a about above after again all am an and any are as at be because been before being below between both but by
can cannot could did do does doing done down during each either else ever few for from further get had has
have having he her here hers him his how i if in into is it its itself just let like many may me might more
most much must my no nor not of off on once only or other our ours out over own please same shall she should
show so some such than that the their theirs them then there these they this those through to too under
until up upon us use very was we were what when where whether which while who whom whose why will with
within without would you your yours
"""
_BETWEEN_AXES = "vs versus"
"""In the title of a plot; it makes no sentence."""


_SENTENCE = 0.2
"""Of its words, those that only make it one. Labels of a figure have none, most questions half."""


def asked(question: str) -> dict[int, int]:
    """How often it says each term that tells something, by the term's hash."""
    said = counts(question)
    telling = {term: times for term, times in said.items() if term not in _stop()}
    return telling or said


def is_sentence(question: str) -> bool:
    """Or else labels, names and key words.

    A figure's text has each of its strings on a line of its own: most lines decide, whatever is before.
    """
    lines = [said for line in question.splitlines() if (said := counts(line))]
    return 2 * sum(map(_makes_sentence, lines)) > len(lines)


def _makes_sentence(said: Mapping[int, int]) -> bool:
    making = sum(times for term, times in said.items() if term in _grammar())
    return making >= _SENTENCE * sum(said.values())


@cache
def _stop() -> frozenset[int]:
    return _grammar() | frozenset(counts(_BETWEEN_AXES))


@cache
def _grammar() -> frozenset[int]:
    return frozenset(counts(_WORDS))
