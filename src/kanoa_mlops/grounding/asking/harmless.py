"""Text of documents made unable to do anything but be read.

A passage may have been written by anybody. It must not close its fence, speak as another turn of the
conversation, number itself as another passage, or put a link into the answer that a click or a preview
follows.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTE = "\u2039"  # reads like what it stands for, and is no markup
_TAG = re.compile(r"<(?=[/|!?%$A-Za-z_<]|\s+/|\s+passages)", re.I)
# Words that templates of models are made of, as some have them: [INST], [/TOOL_CALLS], [AVAILABLE_TOOLS].
_BRACKETED = re.compile(r"\[(/?[A-Z][A-Z_]{2,})\]")
_MARKER = re.compile(
    r"(?<![\w\])])(?:\[|\u3010)(?P<inner>\s*\^?\s*(?:doc|document|source|passage|ref)?\s*\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*"
    r"\s*)(?:\u2020[^\]\u3011]*)?(?:\]|\u3011)",
    re.I,
)
_IMAGE = re.compile(r"!\[(?P<text>[^\[\]]{0,500})\](?:\([^()]{0,4000}\)|\[[^\[\]]{0,500}\])")
_LINK = re.compile(r"\[(?P<text>[^\[\]]{0,500})\]\([^()]{0,4000}\)")
_TARGET = re.compile(r"^[ \t]*\[[^\]]+\]:[ \t]*\S+.*$", re.M)
_SCHEME = re.compile(r"\b(?:https?|ftp|file|data|javascript|vbscript|mailto|wss?):(?://)?(?=\S)", re.I)


def harmless(text: str) -> str:
    """The same for a reader. Plain prose, formulas and code keep every character but `<` before a letter."""
    text = _visible(text)
    text = _IMAGE.sub(r"\g<text>", text)
    text = _LINK.sub(r"\g<text>", text)
    text = _TARGET.sub("", text)
    text = _SCHEME.sub("", text)
    text = _TAG.sub(_QUOTE, text)
    text = _BRACKETED.sub(r"(\1)", text)
    return _MARKER.sub(r"(\g<inner>)", text)


def one_line(text: str) -> str:
    """Of a title or a heading."""
    return " ".join(harmless(text).split())


def _visible(text: str) -> str:
    """Without what a person does not see: controls, directions, tags of Unicode. A model would read them."""
    return _NOT_PLAIN.sub(lambda match: "" if unicodedata.category(match[0]) in _UNSEEN else match[0], text)


_NOT_PLAIN = re.compile(r"[^ -~\n\t]")
_UNSEEN = ("Cc", "Cf", "Co", "Cs", "Cn")
