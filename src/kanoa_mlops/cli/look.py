"""What the process that follows folders is told, and what it tells: lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kanoa_mlops.cli.collection import Wanted


@dataclass(frozen=True)
class Order:
    """One folder."""

    wanted: Wanted
    watched: bool


@dataclass(frozen=True)
class Look:
    """Of one folder, after each look at it."""

    name: str
    collection_id: str = ""
    added: int = 0
    changed: int = 0
    removed: int = 0
    unread: int = 0
    """Files that are left out."""
    problem: str = ""
    """Why it came to nothing."""
    elsewhere: bool = False
    """Another gateway of this machine follows it; told once."""


def written(orders: Sequence[Order]) -> bytes:
    """A line."""
    return json.dumps([asdict(each) for each in orders], default=str).encode() + b"\n"


def orders_in(line: bytes) -> list[Order]:
    return [Order(_wanted(**each["wanted"]), each["watched"]) for each in json.loads(line)]


def _wanted(folder: str, readers: Sequence[str], **more: object) -> Wanted:
    return Wanted(folder=Path(folder), readers=tuple(readers), **more)  # type: ignore[arg-type]


def look_in(line: bytes) -> Look:
    return Look(**json.loads(line))
