"""What was searched for a response, and what its text cites, in the words of the Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.grounded.grounds import Grounds, is_web, title
from kanoa_mlops.gateway.surfaces.responses.items import Event, State
from kanoa_mlops.grounding.types import Passage


@dataclass(frozen=True)
class Searched:
    """Looks at the exchange when it is asked: before its search there is nothing to tell."""

    exchange: Exchange
    results: bool
    """The client wants the passages too."""

    @property
    def grounds(self) -> Grounds | None:
        """None where nothing was searched, or is not yet."""
        grounds = self.exchange.grounds
        return grounds if grounds and grounds.queries else None

    @property
    def told(self) -> dict[str, Any]:
        """The response's `grounding`, where documents were asked for."""
        grounds = self.exchange.grounds
        return {"grounding": grounds.told()} if grounds else {}

    def annotations(self, before: int) -> list[dict[str, Any]]:
        """Of the last text, which so many characters of other texts came before."""
        if self.grounds is None or 0 not in self.grounds.reports:
            return []
        return list(_annotations(self.grounds, before))


class SearchItem:
    """All searches of a request in one item."""

    def __init__(self, grounds: Grounds, id: str, index: int, *, results: bool) -> None:
        """`index` is its place among the items."""
        self._grounds, self._id, self._index, self._results = grounds, id, index, results

    def begun(self) -> list[Event]:
        """All events of it, as it is over when it is told of."""
        place = {"item_id": self._id, "output_index": self._index}
        item = self.as_json("completed")
        added = {**item, "status": "in_progress", "results": None}
        return [
            {"type": "response.output_item.added", "output_index": self._index, "item": added},
            {"type": "response.file_search_call.in_progress", **place},
            {"type": "response.file_search_call.searching", **place},
            {"type": "response.file_search_call.completed", **place},
            {"type": "response.output_item.done", "output_index": self._index, "item": item},
        ]

    def as_json(self, state: State) -> dict[str, Any]:
        grounds = self._grounds
        return {
            "id": self._id,
            "type": "file_search_call",
            "status": "failed" if grounds.status == "failed" else "completed",
            "queries": list(grounds.queries),
            "results": [_result(each) for each in grounds.passages] if self._results else None,
        }


def _annotations(grounds: Grounds, before: int) -> Iterator[dict[str, Any]]:
    for span in grounds.reports[0].spans:
        if span.start < before:
            continue
        passage = grounds.passages[span.number - 1]
        if passage.file_id or not is_web(passage.source):
            yield {
                "type": "file_citation",
                "file_id": passage.file_id or passage.source,
                "filename": passage.filename,
                "index": span.start - before,
            }
        else:  # of a provider that has addresses and no files
            yield {
                "type": "url_citation",
                "url": grounds.url(passage),
                "title": title(passage),
                "start_index": span.start - before,
                "end_index": span.end - before,
            }


def _result(passage: Passage) -> dict[str, Any]:
    return {
        "file_id": passage.file_id or passage.source,
        "filename": passage.filename,
        "score": passage.score,
        "text": passage.text,
        "attributes": dict(passage.attributes),
    }
