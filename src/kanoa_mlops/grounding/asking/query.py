"""What is searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.asking.figure_text import figure_words
from kanoa_mlops.grounding.asking.words import Words, own_words


@dataclass(frozen=True)
class Query:
    text: str
    """'' where there is nothing to search for."""
    words: Words
    """The person's own, and the data they sent along."""


def make_query(message: str, figures: Sequence[str] = (), given: str = "") -> Query:
    """
    Args:
        message: the text of the newest message that asks.
        figures: a text for each figure: what was read from it, what describes it, or what was sent with it.
        given: what the client wants searched, in place of all that.
    """
    words = own_words(message)
    if given.strip():
        return Query(" ".join(given.split()), words)
    parts = [*(figure_words(each) for each in figures), words.own]
    return Query(" ".join(dict.fromkeys(part for part in parts if part)), words)
