"""Where in a Markdown text the code stands, and displayed formulas: what looks like a mark there is none."""

from __future__ import annotations

import re

# A fence that is never closed lasts to the end, as Markdown has it.
_CODE = re.compile(
    r"(?:^|(?<=\n))[ >]{0,8}(?P<fence>`{3,}|~{3,})[^\n]*"
    r"(?:\n.*?(?:\n[ >]{0,8}(?P=fence)[`~]*[ \t]*(?=\n|\Z)|\Z)|\Z)"
    r"|(?<!`)(?P<tick>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=tick)(?!`)"
    r"|\$\$.+?\$\$"
    r"|\\\[.+?\\\]",
    re.S,
)


def code_spans(text: str) -> list[tuple[int, int]]:
    """In characters, in the order of the text, without overlap."""
    if "`" not in text and "~~~" not in text and "$$" not in text and "\\[" not in text:
        return []
    return [match.span() for match in _CODE.finditer(text)]
