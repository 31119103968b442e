"""What is said to a person at a terminal breaks between words; what is to be copied stays whole."""

from __future__ import annotations

import os
import re
from typing import TextIO

_WORDS = re.compile(r"(?:`[^`\n]*`|\S)+")
"""A command in backticks is one, whatever is in it."""


def folded(text: str, stream: TextIO) -> str:
    """For this terminal. Where there is none it is as it was: a log or a program takes lines as they are."""
    width = _width(stream)
    return "\n".join(_line(line, width) for line in text.split("\n")) if width else text


def _line(line: str, width: int) -> str:
    rows: list[str] = []
    for word in _WORDS.findall(line):
        if rows and len(rows[-1]) + 1 + len(word) <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return "\n".join(rows) if len(line) > width else line


def _width(stream: TextIO) -> int:
    """Columns; 0 where it is no terminal, or one that does not tell."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return 0
