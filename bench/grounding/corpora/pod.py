"""Perl's own documentation, cut at its headings: https://perldoc.perl.org/perlpod."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bench.grounding.corpora.sections import Section

_HEAD = re.compile(r"^=head[1-4]\s+", re.MULTILINE)
_COMMAND = re.compile(r"^=\w+.*$", re.MULTILINE)
_CODE = re.compile(r"\b[A-Z](?:<<+ (.*?) >>+|<([^<>]*)>)", re.DOTALL)


def pod_sections(path: Path) -> Iterator[Section]:
    for part in _HEAD.split(path.read_text(encoding="utf-8", errors="replace"))[1:]:
        heading, _, text = part.partition("\n\n")
        yield Section((), _plain(heading), _plain(_COMMAND.sub(" ", text)))


def _plain(text: str) -> str:
    while (now := _CODE.sub(lambda found: found[1] or found[2] or "", text)) != text:
        text = now
    return " ".join(text.split())
