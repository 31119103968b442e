"""Methods that come in two forms, one to be awaited; some objects have that one alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any


def result_of(thing: Any, method: str, awaited: str, /, *words: Any, **named: Any) -> Any:
    """What the method gives, or where there is none, what the other one gives in the end."""
    if getattr(thing, method, None) is not None:
        try:
            return getattr(thing, method)(*words, **named)
        except NotImplementedError:
            if getattr(thing, awaited, None) is None:
                raise
    return _in_loop(getattr(thing, awaited)(*words, **named))


def _in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result()


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One for all: what such an object keeps open belongs to the loop it was opened in."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="awaited retrievers", daemon=True).start()
    return loop
