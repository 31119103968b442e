"""Keys and entries as rows of a table, alike in every database."""

from __future__ import annotations

import json
from typing import Any

from kanoa_mlops.errors import UnknownKey, UserError
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Key, KeyLimits

KEY_COLUMNS = (
    "id, name, digest, created, expires, revoked, requests_per_minute, tokens_per_minute, parallel, "
    "micro_per_day, micro_per_month, models, may_burst"
)
ENTRY_COLUMNS = (
    "request, at, key, model, backend, tier, status, prompt_tokens, completion_tokens, "
    "estimated, micro, queue_ms, first_token_ms, total_ms"
)
_LARGEST = 2**40
"""More tokens than anybody counts; an engine that says so is not believed, but booked."""


def row_of_key(key: Key) -> tuple[object, ...]:
    limits = key.limits
    return (
        key.id,
        key.name,
        key.digest,
        key.created,
        key.expires,
        key.revoked,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.parallel,
        limits.micro_per_day,
        limits.micro_per_month,
        json.dumps(limits.models),
        limits.may_burst,
    )


def key_of(row: tuple[Any, ...]) -> Key:
    id, name, digest, created, expires, revoked, requests, tokens, parallel, day, month, models, may_burst = (
        row
    )
    limits = KeyLimits(requests, tokens, parallel, day, month, tuple(json.loads(models)), bool(may_burst))
    return Key(id, name, digest, created, expires, revoked, limits)


def row_of_entry(entry: Entry) -> tuple[object, ...]:
    return (
        entry.request,
        entry.at,
        entry.key,
        entry.model,
        entry.backend,
        entry.tier,
        entry.status,
        min(entry.prompt_tokens, _LARGEST),
        min(entry.completion_tokens, _LARGEST),
        entry.estimated,
        entry.micro,
        entry.queue_ms,
        entry.first_token_ms,
        entry.total_ms,
    )


def name_taken(name: str) -> UserError:
    return UserError(
        f"There is a key called {name!r} already.",
        hint="Choose another name, or revoke that one: `kanoa-mlops keys list`.",
    )


def unknown_key(key: str) -> UnknownKey:
    return UnknownKey(f"There is no key {key!r}.", hint="`kanoa-mlops keys list` shows all.")
