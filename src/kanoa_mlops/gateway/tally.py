"""Watches one stream go by: how many tokens, whether it came to its end, and whether it failed on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.counting import is_asked, without_count
from kanoa_mlops.gateway.engine_errors import translate_hidden
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.events import DONE, data_of, event
from kanoa_mlops.gateway.usage import Step, Usage, add_steps, find_timings, find_usage

# A raw line feed or an unescaped quote cannot stand inside a JSON string, so no model's words match these.
_DONE = re.compile(rb"^data: ?\[DONE\]", re.M)
_ERROR = re.compile(rb'^(?:error:|data: ?\{\s*"(?:error"\s*:\s*(?!null)|object"\s*:\s*"error"))', re.M)
_DELTA = re.compile(rb'"(?:content|reasoning_content|reasoning|text)"\s*:\s*"(?!")')


class Tally:
    """Looks at whole events on their way from the engine to the client."""

    def __init__(self, backend: Backend, *, wants_usage: bool, steps: Sequence[Step] = ()) -> None:
        """`steps` are what other models did before, to be counted in the usage that the client gets."""
        self._backend = backend
        self._steps = steps
        self._wants_usage = wants_usage
        self._hides_usage = not wants_usage and is_asked(backend)
        self._identity: dict[str, Any] | None = None
        self._told = False
        self.deltas = 0
        """Pieces of text that went by."""
        self.usage: Usage | None = None
        """As the engine counted, without the steps before; never an estimate."""
        self.done = False
        self.error: ApiError | None = None

    def pass_on(self, events: bytes) -> bytes:
        """What the client gets for these events. After an error or the end of the stream nothing follows."""
        if failed := _ERROR.search(events):
            self.error = _parse_error(events[failed.start() :], self._backend)
            events = events[: failed.start()]
        if self._identity is None:
            self._identity = _identity(events)
        self.deltas += len(_DELTA.findall(events))
        told = find_usage(events)
        self._told = self._told or told is not None
        self.usage = told or (None if self._told else find_timings(events)) or self.usage
        end = _DONE.search(events)
        if end is None or self.error:
            return self._counted(events)
        self.done = True
        return self._counted(events[: end.start()] + self._missing_usage()) + DONE

    def _counted(self, events: bytes) -> bytes:
        if self._hides_usage:
            events = without_count(events)
        return add_steps(events, self._steps, self._backend.model)

    def _missing_usage(self) -> bytes:
        if not self._wants_usage or self._told:
            return b""
        found = self.usage or Usage(0, self.deltas)
        usage = {
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": found.completion_tokens,
            "total_tokens": found.prompt_tokens + found.completion_tokens,
            **({} if self.usage else {"estimated": True}),
        }
        return event({**(self._identity or {}), "choices": [], "usage": usage})


def _parse_error(events: bytes, backend: Backend) -> ApiError:
    # llama.cpp once sent errors as `error: {...}`, which is no field of server-sent events.
    first = data_of(re.sub(rb"\Aerror:", b"data:", events))[:1]
    return translate_hidden(b"".join(first), backend)


def _identity(events: bytes) -> dict[str, Any] | None:
    """The fields that all chunks of one answer share, from its first."""
    for data in data_of(events):
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return {}
        if isinstance(value, dict):
            return {key: value[key] for key in ("id", "object", "created", "model") if key in value}
    return None
