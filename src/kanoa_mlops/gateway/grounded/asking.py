"""What is searched for, and the request with what was found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.grounded.calls import Call
from kanoa_mlops.gateway.grounded.figure_texts import FigureTexts
from kanoa_mlops.gateway.grounded.grounds import Failure, Grounds
from kanoa_mlops.gateway.grounded.searching import Searching, refusal
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.images import Picture, decode, references
from kanoa_mlops.gateway.prepare import as_json
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.asking.fence import NOTHING_FOUND
from kanoa_mlops.grounding.asking.messages import grounded, newest_question, text_of
from kanoa_mlops.grounding.asking.query import Query, make_query
from kanoa_mlops.grounding.asking.room import estimate, fit
from kanoa_mlops.grounding.citing.verify import Evidence
from kanoa_mlops.grounding.types import Passage

_ANSWER = 512
"""Tokens that are left for an answer of no set length; a quarter of the context, where that is less."""
_LARGE = 20_000
"""Characters of what was sent along."""
_PASSAGE = 100
"""Tokens of a short one."""
_IMAGE = 1_200
"""Tokens of an image, as likely as in `gateway.asking`."""


@dataclass(frozen=True)
class Asking:
    searching: Searching
    figures: FigureTexts

    async def query(self, asked: Asked, grounds: Grounds, exchange: Exchange) -> str:
        """What to search for; '' where there is nothing. Its words are not yet among the grounds' queries."""
        began = time.monotonic()
        messages, wish = asked.fields["messages"], grounds.wish
        query = Query("", make_query("").words)
        at: int | None = len(messages)
        while not query.text and at is not None:
            at = newest_question(messages[:at])
            if at is None:
                break
            read = await self._read(asked.fields, at, grounds, exchange)
            query = make_query(text_of(messages[at]), read, wish.query)
            grounds.figure_texts = read
            grounds.evidence = await _evidence([*read, query.words.said, *query.words.data])
        grounds.query_seconds += time.monotonic() - began
        return query.text

    async def search(self, query: str, grounds: Grounds, reader: Reader) -> tuple[Passage, ...]:
        """What was found that the model has not been given yet.

        Raises:
            ApiError: a store failed, and the request wants no answer then.
        """
        began = time.monotonic()
        grounds.queries.append(query)
        outcome = await self.searching.search(grounds.wish.searches, query, reader)
        grounds.retrieve_seconds += time.monotonic() - began
        refusals = [(failure[0], refusal(*failure)) for failure in outcome.failures]
        grounds.failures += [Failure(store, error.message) for store, error in refusals]
        if refusals and grounds.wish.on_error == "error":
            grounds.settled = True
            raise refusals[0][1]
        grounds.warnings += [each for each in outcome.warnings if each not in grounds.warnings]
        grounds.retrieved += len(outcome.passages)
        known = {(each.store, each.source, each.chunk_id, each.text) for each in grounds.passages}
        new = tuple(
            each
            for each in outcome.passages
            if (each.store, each.source, each.chunk_id, each.text) not in known
        )
        grounds.private = tuple(dict.fromkeys((*grounds.private, *outcome.private)))
        return new

    def given(self, asked: Asked, grounds: Grounds, passages: Sequence[Passage], backend: Backend) -> Asked:
        """The request with as many as there is room for.

        Raises:
            ApiError: 400, there is room for none, and the request wants no answer then.
        """
        fenced = self._fenced(asked.fields, grounds, passages, backend)
        rule = grounds.fence.rule if fenced else NOTHING_FOUND
        messages = grounded(asked.fields["messages"], rule, fenced, system=backend.takes_system)
        return with_fields(asked, {**asked.fields, "messages": messages})

    def ruled(self, asked: Asked, grounds: Grounds, backend: Backend) -> Asked:
        """The request with the rule alone: what is found comes when the model asks for it."""
        messages = grounded(asked.fields["messages"], grounds.fence.rule, "", system=backend.takes_system)
        return with_fields(asked, {**asked.fields, "messages": messages})

    def answered(
        self,
        asked: Asked,
        name: str,
        grounds: Grounds,
        found: Sequence[tuple[Call, Sequence[Passage]]],
        backend: Backend,
    ) -> Asked:
        """The request with the model's calls of the function `name` and what each found.

        Raises:
            ApiError: as `given`.
        """
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": name, "arguments": call.arguments or "{}"},
            }
            for call, _ in found
        ]
        messages = [*asked.fields["messages"], {"role": "assistant", "content": "", "tool_calls": calls}]
        for call, passages in found:
            text = self._fenced({**asked.fields, "messages": messages}, grounds, passages, backend)
            told = text or "Nothing was found."
            messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
        return with_fields(asked, {**asked.fields, "messages": messages})

    def _fenced(
        self, fields: Mapping[str, Any], grounds: Grounds, passages: Sequence[Passage], backend: Backend
    ) -> str:
        """Those that have room; '' for none."""
        room = min(grounds.wish.max_context_tokens, _room(fields, grounds, backend))
        fitted = fit(passages, grounds.fence, room)
        grounds.dropped += fitted.dropped
        if passages and not fitted.passages:
            self._no_room(grounds, room)
        first = len(grounds.passages) + 1
        grounds.passages += fitted.passages
        return grounds.fence.around(fitted.passages, first) if fitted.passages else ""

    def _no_room(self, grounds: Grounds, room: int) -> None:
        message = (
            f"No passage fits: {max(0, room)} tokens are left beside the prompt and the answer. "
            "Ask for a shorter answer, raise 'grounding.max_context_tokens', or serve the model with a "
            "longer context."
        )
        if grounds.wish.on_error == "error":
            raise ApiError(400, message, code="context_length_exceeded", param="grounding.max_context_tokens")
        grounds.failures.append(Failure(", ".join(grounds.wish.stores), message))

    async def _read(
        self, fields: Mapping[str, Any], at: int, grounds: Grounds, exchange: Exchange
    ) -> tuple[str, ...]:
        """The text of the figures of one message."""
        if grounds.wish.figure_text:
            grounds.figure = "given"
            return (grounds.wish.figure_text,)
        images = [
            each
            for each in references(fields)
            if each.place[0] == at and each.kind == "image_url" and each.is_data
        ]
        if not images:
            return ()
        pictures = [Picture(each, decode(each)) for each in images]
        read = await self.figures.of(pictures, exchange.request_id, exchange.guest or Guest())
        grounds.figure = read.way
        if read.warning:
            grounds.warnings.append(read.warning)
        exchange.steps += read.steps
        return read.texts


def likely(fields: Mapping[str, Any], grounds: Grounds, pool: Sequence[Backend]) -> Backend:
    """Who probably answers: the nearest with room for a passage, else the one with the most."""
    roomy = (each for each in pool if _room(fields, grounds, each) >= _PASSAGE)
    return next(roomy, max(pool, key=lambda each: each.context_tokens))


def with_fields(asked: Asked, fields: Mapping[str, Any]) -> Asked:
    return replace(asked, fields=fields, raw=as_json(fields))


async def _evidence(texts: Sequence[str]) -> tuple[Evidence, ...]:
    """A large table is read aside, while others are answered; what is small, when a number is looked up."""
    evidence = tuple(Evidence(text) for text in texts if text)
    if sum(map(len, texts)) > _LARGE:
        await asyncio.gather(*(asyncio.to_thread(each.read) for each in evidence))
    return evidence


def _room(fields: Mapping[str, Any], grounds: Grounds, backend: Backend) -> int:
    """Tokens that the model's context leaves beside what is asked and what is to be answered."""
    used = sum(estimate(text_of(each)) for each in fields["messages"]) + estimate(grounds.fence.rule)
    used += estimate(as_json({"tools": fields.get("tools")}).decode())
    images = len(references(fields))
    if images:
        read = sum(estimate(text) for text in grounds.figure_texts)
        used += images * _IMAGE if backend.sees else max(read, images * 300)
    return backend.context_tokens - used - _answer(fields, backend)


def _answer(fields: Mapping[str, Any], backend: Backend) -> int:
    usual = min(_ANSWER, backend.context_tokens // 4)
    for name in ("max_completion_tokens", "max_tokens"):
        wanted = fields.get(name)
        if isinstance(wanted, int) and wanted > 0:
            # Clients ask for thousands whatever is served; half of the context is for what is asked.
            return min(wanted, max(usual, backend.context_tokens // 2))
    return usual
