"""What providers keep beside a text, in the names they use for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanoa_mlops.grounding.filters import Attributes

_SOURCES = ("source", "source_uri", "url", "uri", "file_path", "path", "file_name", "filename")
_TITLES = ("title", "file_name", "filename", "name")
_PAGES = ("page_label", "page_number", "page")
"""A label is what is printed on the page; it counts only where it is a number."""
_CHUNKS = ("chunk_id", "chunkId")
_HEADINGS = ("heading", "section")
_SCORES = ("score", "relevance_score", "_score")


def plain(given: Mapping[str, Any]) -> Attributes:
    """Those that are attributes in OpenAI's sense."""
    return {str(key): value for key, value in given.items() if isinstance(value, str | int | float | bool)}


def source_in(given: Mapping[str, Any]) -> str:
    """Empty where there is none, like the others."""
    return _text(given, _SOURCES)


def title_in(given: Mapping[str, Any]) -> str:
    return _text(given, _TITLES)


def chunk_in(given: Mapping[str, Any]) -> str:
    return _text(given, _CHUNKS)


def heading_in(given: Mapping[str, Any]) -> str:
    return _text(given, _HEADINGS)


def page_in(given: Mapping[str, Any], first_page: int = 1) -> int | None:
    """Counted from 1.

    Args:
        first_page: what `page` says of the first one; the other names are always counted from 1.
    """
    for name in _PAGES:
        number = _whole(given.get(name))
        if number is not None:
            return number + (1 - first_page if name == "page" else 0)
    return None


def score_in(given: Mapping[str, Any]) -> float | None:
    for name in _SCORES:
        if (score := number(given.get(name))) is not None:
            return score
    return None


def number(given: object) -> float | None:
    """numpy's too, which some stores give."""
    if given is None or isinstance(given, bool | str):
        return None
    try:
        return float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _text(given: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(given[name]) for name in names if given.get(name) not in (None, "")), "")


def _whole(given: object) -> int | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        value = float(given)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
