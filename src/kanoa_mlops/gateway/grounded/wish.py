"""What a request asks to be searched, read strictly and taken out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.grounded.wished import is_search
from kanoa_mlops.gateway.library.asked import RankingOptions
from kanoa_mlops.gateway.surfaces.given import Given, read_part
from kanoa_mlops.grounding.filters import Filter, parse_filter
from kanoa_mlops.grounding.types import Ranking

Mode = Literal["always", "auto"]
OnError = Literal["error", "annotate"]
Citations = Literal["inline", "sources"]

_MOST_STORES = 16
_MOST_TOKENS = 2000


class _FileSearch(Given):
    """OpenAI's tool of the Responses API, as in openai-python 3.57."""

    vector_store_ids: Annotated[list[str], Field(min_length=1, max_length=_MOST_STORES)]
    max_num_results: Annotated[int, Field(ge=1, le=50)] | None = None
    filters: dict[str, Any] | None = None
    ranking_options: RankingOptions | None = None


class _Grounding(Given):
    mode: Mode | None = None
    query: str | None = None
    figure_text: str | None = None
    on_error: OnError | None = None
    max_context_tokens: Annotated[int, Field(ge=50)] | None = None
    citations: Citations | None = None


@dataclass(frozen=True)
class Search:
    """One `file_search` tool."""

    names: tuple[str, ...]
    k: int
    filters: Filter | None
    ranking: Ranking
    param: str
    """Where it stands in the request."""


@dataclass(frozen=True)
class Wish:
    searches: tuple[Search, ...]
    mode: Mode
    query: str
    """'' where one is to be made."""
    figure_text: str
    """'' where the figure is to be read."""
    on_error: OnError
    max_context_tokens: int
    citations: Citations
    must_search: bool
    """In `auto`: the model has no choice, the first time."""

    @property
    def stores(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for search in self.searches for name in search.names))


def read_wish(fields: Mapping[str, Any]) -> tuple[Wish | None, dict[str, Any]]:
    """The wish, and the fields without it. None where the one field of it is null.

    Raises:
        ApiError: 400, naming the field.
    """
    tools, given = fields.get("tools"), fields.get("grounding")
    rest = {name: value for name, value in fields.items() if name != "grounding"}
    if given is not None and not isinstance(given, dict):
        raise _bad("'grounding' must be an object.", "grounding")
    searches = _searches(tools if isinstance(tools, list) else [])
    if not searches:
        if given is None:
            return None, rest
        raise _bad("'grounding' needs a tool of type 'file_search' that names vector stores.", "tools")
    options = read_part(_Grounding, given or {}, "grounding")
    wish = Wish(
        searches,
        options.mode or "always",
        " ".join((options.query or "").split()),
        (options.figure_text or "").strip(),
        options.on_error or "error",
        options.max_context_tokens or _MOST_TOKENS,
        options.citations or "inline",
        must_search=_is_chosen(fields.get("tool_choice"), only=all(is_search(each) for each in tools or [])),
    )
    return wish, _without_search(rest)


def _searches(tools: Sequence[Any]) -> tuple[Search, ...]:
    return tuple(_search(tool, f"tools[{at}]") for at, tool in enumerate(tools) if is_search(tool))


def _search(tool: Mapping[str, Any], param: str) -> Search:
    read = read_part(_FileSearch, tool, param)
    for at, name in enumerate(read.vector_store_ids):
        if not name.strip():
            raise _bad("A vector store's id or name is wanted here.", f"{param}.vector_store_ids[{at}]")
    return Search(
        tuple(dict.fromkeys(read.vector_store_ids)),
        read.max_num_results or 5,
        _filter(read.filters, param),
        _ranking(read.ranking_options, param),
        param,
    )


def _filter(given: Mapping[str, Any] | None, param: str) -> Filter | None:
    if given is None:
        return None
    try:
        return parse_filter(given)
    except BadFilter as error:
        raise _bad(error.message, f"{param}.filters") from error


def _ranking(given: RankingOptions | None, param: str) -> Ranking:
    ranking = (given or RankingOptions()).ranking
    if ranking.text_weight == ranking.embedding_weight == 0:
        raise _bad("Either weight must be above 0.", f"{param}.ranking_options.hybrid_search")
    return ranking


def _without_search(fields: dict[str, Any]) -> dict[str, Any]:
    """What is left for the engine: the client's own functions, and a choice among them."""
    tools = [tool for tool in fields["tools"] if not is_search(tool)]
    kept = fields | {"tools": tools}
    choice = fields.get("tool_choice")
    if is_search(choice):
        kept.pop("tool_choice")
    elif isinstance(choice, dict) and isinstance(allowed := choice.get("allowed_tools"), dict):
        among = [tool for tool in allowed.get("tools") or [] if not is_search(tool)]
        kept["tool_choice"] = {**choice, "allowed_tools": {**allowed, "tools": among}}
        if not among:
            kept.pop("tool_choice")
    if not tools:
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            kept.pop(name, None)
    return kept


def _is_chosen(choice: object, *, only: bool) -> bool:
    return is_search(choice) or (choice == "required" and only)


def _bad(message: str, param: str) -> ApiError:
    return ApiError(400, message, code="invalid_value", param=param)
