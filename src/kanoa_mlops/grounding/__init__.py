"""What an answer stands on: passages of the person's own documents, wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanoa_mlops.errors import MissingExtra

if TYPE_CHECKING:
    from kanoa_mlops.grounding.knowledge_base import KnowledgeBase

__all__ = ["KnowledgeBase"]


def __getattr__(name: str) -> object:
    """kanoa takes seconds to import, and only who uses it from here needs it.

    Raises:
        MissingExtra: kanoa or openai is not installed.
    """
    if name != "KnowledgeBase":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from kanoa_mlops.grounding.knowledge_base import KnowledgeBase
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("kanoa_mlops"):
            raise
        raise MissingExtra(
            f"KnowledgeBase needs {error.name}.", hint='pip install "kanoa-mlops[kanoa]"'
        ) from None
    return KnowledgeBase
