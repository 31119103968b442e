"""What a figure is about, out of the text that was read from it, was made of it, or was sent with it.

Kept are titles, labels, names in the legend, categories and notes; what belongs to the scales goes, since a
document is not found by "from 0 to 50, in steps of 10".
"""

from __future__ import annotations

import re

from kanoa_mlops.grounding.asking.boilerplate import says_something, words_of

_LABEL = re.compile(r"^[\s>*#+\-\u2022]*(?P<label>(?:[^\W\d_][\w /()'\u2019-]{0,48}?)):\s*(?P<value>.*)$")
_KEPT = re.compile(
    r"titles?|ax[ei]s|labels?|legend|series|text|words?|captions?|headers?|columns?|categor\w+|colou?r ?bar|"
    r"units?|names?|variables?|subtitle|notes?",
    re.I,
)
_SCALE = re.compile(
    r"(?:\b(?:log|linear|logarithmic)\s+scale\b\s*)?(?:\bfrom\s+\S+\s+to\s+\S+|\bin steps of\s+\S+"
    r"|\bticks\b(?:\s+(?:times|plus))?\s*[-+\d.,\s\u2212eE]*(?:\.\.\.)?[-+\d.,\s\u2212eE]*)",
    re.I,
)
_ABOUT = re.compile(
    r"^(?:text read from the figure|description of the figure|panel \d+|the figure holds no)", re.I
)
_NOTHING = re.compile(r"\b(?:not readable|no axes were found|none|n/a)\b", re.I)
_PLACE = re.compile(r"\s*\([^)]{0,80}\)\s*(?=:)")
_MOST_WORDS = 80


def figure_words(text: str) -> str:
    """In one line; '' where there is nothing to search by."""
    lines = [line for line in text.splitlines() if line.strip() and not _ABOUT.match(line.strip())]
    parsed = [_LABEL.match(_PLACE.sub("", line)) for line in lines]
    if any(match and _KEPT.search(match["label"]) for match in parsed):
        values = [match["value"] for match in parsed if match and _KEPT.search(match["label"])]
        # What was read without labels is all there is of it; a described figure has prose beside them.
        values += [line for line, match in zip(lines, parsed, strict=True) if not match and len(line) < 60]
    else:
        values = lines
    pieces = [_told(piece) for value in values for piece in _pieces(value)]
    return " ".join(" ".join(dict.fromkeys(piece for piece in pieces if piece)).split()[:_MOST_WORDS])


def is_telling(words: str) -> bool:
    """Whether there is enough to find a document by."""
    telling = {word.lower() for word in words_of(words) if len(word) > 2 and says_something(word)}
    return len(telling) >= 3


def _pieces(value: str) -> list[str]:
    value = _NOTHING.sub(" ", _SCALE.sub(" ", value))
    return re.split(r"[;|]|,\s|\bcategories\b", value)


def _told(piece: str) -> str:
    """Without what has no letters."""
    words = [word for word in piece.replace("_", " ").split() if any(letter.isalpha() for letter in word)]
    return " ".join(words).strip(" ,.;:")
