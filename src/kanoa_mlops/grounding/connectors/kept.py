"""A passage out of what a vector database keeps beside a vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.grounding.connectors.fields import chunk_in, heading_in, page_in, plain, source_in, title_in
from kanoa_mlops.grounding.types import Passage


@dataclass(frozen=True)
class Names:
    """Under which its owner keeps them; None where one of the usual names will do."""

    source: str | None = None
    title: str | None = None
    page: str | None = None
    first_page: int = 1


def passage(
    text: object, id: object, score: float | None, kept: Mapping[str, Any], names: Names, store: str
) -> Passage:
    named = {"source": names.source, "title": names.title}
    known = dict(kept) | {
        name: kept[field] for name, field in named.items() if field is not None and field in kept
    }
    return Passage(
        text=text if isinstance(text, str) else "",
        source=source_in(known) or title_in(known) or str(id),
        score=score,
        chunk_id=chunk_in(known) or str(id),
        title=title_in(known),
        page=page_in(
            {"page": kept[names.page]} if names.page and names.page in kept else kept, names.first_page
        ),
        heading=heading_in(known),
        store=store,
        attributes=plain(kept),
    )
