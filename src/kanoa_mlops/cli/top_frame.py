"""A frame of `top` as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from kanoa_mlops.cli.top_report import BackendRow, Frame, ModelRow, Pace
from kanoa_mlops.gateway.books.money import format_dollars
from kanoa_mlops.units import format_bytes, format_duration

WIDTH = 80
_MODELS = ("MODEL", "QUEUED", "PROMPT/S", "ANSWER/S", "REQ/S")
_BACKENDS = ("BACKEND", "TIER", "STATE", "BUSY", "PROMPT/S", "ANSWER/S", "REQ/S", "MEMORY")
_WORDS = ("MODEL", "BACKEND", "TIER", "STATE")
"""Columns that are no numbers."""
_NAME = 12
"""Characters of a name that are shown at least."""


def lines(frame: Frame, note: str = "") -> list[str]:
    """At most 80 columns wide.

    Args:
        note: something to say of the frame as a whole.
    """
    shown = [f"{frame.url}/v1", *_folded(note), ""]
    shown += _table(_MODELS, [_model(each) for each in frame.models])
    shown += ["", *_table(_BACKENDS, [_backend(each) for each in frame.backends])]
    for each in frame.backends:
        shown += _reason(each)
    shown += ["", *_folded(_money(frame))]
    return [_printable(line)[:WIDTH].rstrip() for line in shown]


def _model(row: ModelRow) -> list[str]:
    return [row.model, str(row.queued), *_pace(row.pace)]


def _backend(row: BackendRow) -> list[str]:
    seen = row.seen
    return [
        seen.id,
        seen.tier,
        seen.state,
        f"{seen.in_flight}/{seen.capacity}",
        *_pace(row.pace),
        format_bytes(row.memory_bytes) if row.memory_bytes else "-",
    ]


def _pace(pace: Pace) -> list[str]:
    return [_number(pace.prompt_tokens), _number(pace.answer_tokens), _number(pace.requests)]


def _number(value: float | None) -> str:
    """Three digits or more: '0', '1.20', '35.5', '1,234', '1.2M'."""
    if value is None:
        return "-"
    if value >= 10**6:
        return f"{value / 10**6:.1f}M"
    return f"{value:.2f}" if 0 < value < 10 else f"{value:.1f}" if 10 <= value < 100 else f"{value:,.0f}"


def _reason(row: BackendRow) -> list[str]:
    seen = row.seen
    left = "" if seen.seconds_left is None else f", {format_duration(seen.seconds_left)} left"
    if not seen.reason and not left:
        return []
    return _folded(f"{seen.id}: {seen.reason.rstrip('.') or seen.state}{left}.", "  ")


def _money(frame: Frame) -> str:
    today = frame.today
    if today.micro is None:
        spent = "Cost today is not known: the books cannot be read."
    else:
        spent = f"Cost today {format_dollars(today.micro)}."
    left = ", ".join(f"{id} {format_dollars(micro)}" for id, micro in today.left.items())
    return f"{spent} Left today: {left}." if left else spent


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column gives way where there is no room."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    widths[0] = max(_NAME, min(widths[0], WIDTH - sum(widths[1:]) - len(widths) + 1))
    for row in (head, *rows):
        cells = [_short(row[0], widths[0]), *row[1:]]
        yield " ".join(
            f"{cell:{'<' if name in _WORDS else '>'}{width}}"
            for cell, name, width in zip(cells, head, widths, strict=True)
        ).rstrip()


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _folded(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )


def _printable(text: str) -> str:
    """What an engine says of itself must not move the cursor."""
    return "".join(each if each.isprintable() else " " for each in text)
