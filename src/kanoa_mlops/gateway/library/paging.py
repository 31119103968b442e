"""A page of a list, by OpenAI's `limit`, `order`, `after` and `before`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.grounding.library.ids import moment_of

T = TypeVar("T")


@dataclass(frozen=True)
class Wish:
    """Which page."""

    limit: int
    descending: bool
    after: str
    before: str


def wish(query: Mapping[str, str], *, usual: int = 20, most: int = 100) -> Wish:
    """
    Raises:
        ApiError: 400, naming the parameter.
    """
    limit, order = query.get("limit", str(usual)), query.get("order", "desc")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:6]) <= most and len(limit) < 6):
        raise _bad("limit", f"a whole number between 1 and {most:,}")
    if order not in ("asc", "desc"):
        raise _bad("order", "'asc' or 'desc'")
    return Wish(int(limit), order == "desc", query.get("after", ""), query.get("before", ""))


@dataclass(frozen=True)
class Paged(Generic[T]):
    """Things with an id and a moment, of which pages are taken."""

    things: Sequence[T]
    id: Callable[[T], str]
    created_at: Callable[[T], float]

    def page(self, wish: Wish, told: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
        """OpenAI's list, with each thing as it is `told`."""
        ordered = sorted(self.things, key=self._place, reverse=wish.descending)
        if wish.after:
            ordered = [each for each in ordered if self._is_behind(self._place(each), wish.after, wish)]
        if wish.before:
            ordered = [each for each in ordered if self._is_before(self._place(each), wish.before, wish)]
            ordered, more = ordered[-wish.limit :], len(ordered) > wish.limit
        else:
            ordered, more = ordered[: wish.limit], len(ordered) > wish.limit
        return {
            "object": "list",
            "data": [told(each) for each in ordered],
            "first_id": self.id(ordered[0]) if ordered else None,
            "last_id": self.id(ordered[-1]) if ordered else None,
            "has_more": more,
        }

    def _place(self, thing: T) -> tuple[float, str]:
        return self.created_at(thing), self.id(thing)

    def _is_behind(self, place: tuple[float, str], cursor: str, wish: Wish) -> bool:
        mark = self._mark(cursor)
        return place < mark if wish.descending else place > mark

    def _is_before(self, place: tuple[float, str], cursor: str, wish: Wish) -> bool:
        mark = self._mark(cursor)
        return place > mark if wish.descending else place < mark

    def _mark(self, cursor: str) -> tuple[float, str]:
        """The place of who was last on another page. It may be deleted by now; its id still tells."""
        for each in self.things:
            if self.id(each) == cursor:
                return self._place(each)
        return moment_of(cursor), cursor


def _bad(param: str, wanted: str) -> ApiError:
    return ApiError(400, f"'{param}' must be {wanted}.", code="invalid_value", param=param)
