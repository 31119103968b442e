"""A retriever that is a Python object: of LangChain, LlamaIndex or Haystack, known by its shape alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.connectors.documents import Shape, shape_of
from kanoa_mlops.grounding.connectors.entry import Entry
from kanoa_mlops.grounding.filters import Filter, as_json
from kanoa_mlops.grounding.types import Passage

Named = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
"""'package.module:name'."""
Narrow = Callable[[Any, Mapping[str, Any]], Any]
"""(retriever, filter in OpenAI's JSON) -> a retriever that finds only what passes it."""


class Python(Entry):
    """Runs code that its file names, so that file must be the owner's own, as grounding.yaml is."""

    factory: Named
    """A function without arguments that makes the retriever, or the retriever itself."""
    filters: Named | None = None
    """A function (retriever, filter in OpenAI's JSON) that gives a retriever for this filter."""
    first_page: Literal[0, 1] | None = None
    """What `page` says of a first page; unset, 0 for LangChain, whose loaders count so, and 1 for others."""

    def connect(self, name: str) -> PythonRetriever:
        made = self._named("factory", self.factory)
        # LangChain's retrievers cannot be called, and Haystack's neither; a function is there to be.
        retriever = made() if shape_of(made) is None and callable(made) else made
        narrow = self._named("filters", self.filters) if self.filters else None
        if shape_of(retriever) is None:
            raise self.mistake("factory", _strange(retriever))
        return PythonRetriever(name, retriever, narrow, self.first_page)

    def _named(self, field: str, named: str) -> Any:
        module, _, path = named.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for step in path.split("."):
                found = getattr(found, step)
        except (ImportError, AttributeError) as error:
            hint = "It is imported by the Python that runs this: is its package installed there?"
            raise self.mistake(field, f"{named} is not found: {error}.", hint) from error
        return found


@dataclass(frozen=True)
class PythonRetriever:
    """Around an object of anybody's. One of these serves all threads, if the object does."""

    name: str
    retriever: Any
    narrow: Narrow | None = None
    """How it is filtered; unset, only objects are that take `filters` when they are asked."""
    first_page: int | None = None
    """What `page` says of a first page; unset, as the object's framework has it."""

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """
        Raises:
            BadFilter: the object has no way to filter.
        """
        if filters is None:
            return self._ask(self.retriever, query, k, None)[:k]
        if self.narrow is not None:
            found = self._ask(self.narrow(self.retriever, as_json(filters)), query, k, None)
        elif self._shape(self.retriever).filters(self.retriever):
            found = self._ask(self.retriever, query, k, filters)
        else:
            raise BadFilter(
                f"{self.name}: a {type(self.retriever).__name__} cannot be given a filter.",
                hint="Name a function as `filters:` of its entry that gives a retriever for a filter.",
            )
        # Looked at once more: what narrows is anybody's, and Python has it that True is 1.
        return [each for each in found if filters.passes(each.attributes)][:k]

    def _ask(self, retriever: object, query: str, k: int, filters: Filter | None) -> Sequence[Passage]:
        return self._shape(retriever).ask(retriever, query, k, filters, self.first_page)

    def _shape(self, retriever: object) -> Shape:
        shape = shape_of(retriever)
        if shape is None:
            raise TypeError(_strange(retriever))
        return shape


def _strange(retriever: object) -> str:
    return (
        f"a {type(retriever).__name__} is no retriever: it has none of search (ours), invoke or ainvoke "
        "(LangChain), retrieve or aretrieve (LlamaIndex), run or run_async with a query (Haystack)."
    )
