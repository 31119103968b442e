"""What one request's answer stands on, gathered as it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from kanoa_mlops.gateway.grounded.wish import Wish
from kanoa_mlops.grounding.asking.fence import Fence
from kanoa_mlops.grounding.asking.harmless import harmless, one_line
from kanoa_mlops.grounding.citing.report import Report, report
from kanoa_mlops.grounding.citing.verify import Evidence
from kanoa_mlops.grounding.types import Passage

Status = Literal["grounded", "partial", "no_results", "not_searched", "failed"]


@dataclass(frozen=True)
class Failure:
    store: str
    message: str


@dataclass
class Grounds:
    wish: Wish
    fence: Fence
    base: str
    """Address of this gateway as the client sees it, without a slash at the end."""
    queries: list[str] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    """What the model was given, numbered from 1 in this order."""
    retrieved: int = 0
    dropped: int = 0
    """Of those retrieved, found no room."""
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    private: tuple[str, ...] = ()
    """Stores whose passages are in the request, and may not leave the owner's machines."""
    figure: str = ""
    """How the figure's text was had: 'given', the reader's name, 'described'; '' where there is none."""
    figure_texts: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """What a number may come from beside the passages: the figure's text, data that was sent along."""
    query_seconds: float = 0.0
    retrieve_seconds: float = 0.0
    settled: bool = False
    """All was searched that will be, and the status is what it stays."""
    reports: dict[int, Report] = field(default_factory=dict)
    """Of what was answered, by the index of the choice."""

    @property
    def status(self) -> Status:
        if self.failures:
            return "partial" if self.passages else "failed"
        if self.passages:
            return "grounded"
        return "no_results" if self.queries else "not_searched"

    @property
    def kept_here(self) -> str:
        """Why the request may not leave the owner's machines; '' where it may."""
        if not self.private:
            return ""
        return f"it carries passages of {', '.join(self.private)}, which may not leave the owner's machines"

    def report(self, choice: int, answer: str) -> Report:
        made = report(answer, [passage.text for passage in self.passages], self.evidence)
        self.reports[choice] = made
        return made

    def told(self) -> dict[str, Any]:
        """The answer's `grounding`, of all choices that were reported."""
        reports = [self.reports[choice] for choice in sorted(self.reports)]
        return {
            "status": self.status,
            "query": self.queries,
            "stores": list(self.wish.stores),
            "retrieved": self.retrieved,
            "used": len(self.passages),
            "dropped": self.dropped,
            "cited": len({number for each in reports for number in each.cited}),
            "unverified_citations": list(dict.fromkeys(n for each in reports for n in each.unknown)),
            "unsupported_numbers": list(dict.fromkeys(n for each in reports for n in each.unsupported)),
            "figure": self.figure,
            "shareable": not self.private,
            "errors": [{"store": each.store, "message": each.message} for each in self.failures],
            "warnings": self.warnings,
            "ms": {
                "query": round(self.query_seconds * 1000),
                "retrieve": round(self.retrieve_seconds * 1000),
            },
        }

    def context(self, choice: int) -> dict[str, Any]:
        """A message's `context`, in Azure's words (`On Your Data`, 2024-05) with more fields beside them."""
        made = self.reports[choice]
        return {
            "intent": json.dumps(self.queries, ensure_ascii=False),
            "citations": [
                self._citation(number, passage, made) for number, passage in enumerate(self.passages, 1)
            ],
        }

    def annotations(self, choice: int) -> list[dict[str, Any]]:
        """A message's, in the one form that all clients know: https://platform.openai.com/docs/api-reference/chat."""
        return [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": span.start,
                    "end_index": span.end,
                    "url": self.url(self.passages[span.number - 1]),
                    "title": title(self.passages[span.number - 1]),
                },
            }
            for span in self.reports[choice].spans
        ]

    def sources(self, choice: int) -> str:
        """What is cited, as a list that stands under the answer; '' where nothing is."""
        cited = sorted(self.reports[choice].cited)
        if not cited:
            return ""
        return "\n\nSources:\n" + "\n".join(f"[{n}] {title(self.passages[n - 1])}" for n in cited)

    def url(self, passage: Passage) -> str:
        """Where the passage can be read, at its page."""
        page = "" if passage.page is None else f"#page={passage.page}"
        if passage.file_id:
            return f"{self.base}/v1/files/{quote(passage.file_id, safe='')}/content{page}"
        if is_web(passage.source):
            return passage.source if "#" in passage.source else passage.source + page
        return f"{self.base}/v1/vector_stores/{quote(passage.store, safe='')}#{quote(passage.source)}"

    def _citation(self, number: int, passage: Passage, made: Report) -> dict[str, Any]:
        first = next((span for span in made.spans if span.number == number), None)
        places: Mapping[str, int] = (
            {} if first is None else {"start_index": first.start, "end_index": first.end}
        )
        return {
            "n": number,
            "title": title(passage),
            "url": self.url(passage),
            "filepath": passage.source,
            "chunk_id": passage.chunk_id,
            "content": harmless(passage.text),
            "file_id": passage.file_id,
            "filename": passage.filename,
            "vector_store_id": passage.store,
            "page": passage.page,
            "heading": passage.heading,
            "score": passage.score,
            "attributes": dict(passage.attributes),
            "cited": first is not None,
            "verified": made.verified.get(number),
            **places,
        }


def title(passage: Passage) -> str:
    page = "" if passage.page is None else f", p. {passage.page}"
    return one_line(passage.title or passage.source or "untitled") + page


def is_web(source: str) -> bool:
    try:
        return urlsplit(source).scheme in ("http", "https")
    except ValueError:
        return False
