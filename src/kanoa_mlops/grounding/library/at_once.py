"""Several asked at the same time, none of them waited for longer than a bound."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from traceback import format_tb
from typing import TypeVar

from kanoa_mlops.errors import KanoaError, RetrieverFailed

T = TypeVar("T")
_log = logging.getLogger(__name__)


def at_once(tasks: Mapping[str, Callable[[], T]], seconds: float) -> dict[str, T | KanoaError]:
    """What each came to, by name. One that is late goes on in its thread, and nobody hears of it.

    What is not a KanoaError is told by its kind alone, as its words might quote what was asked.
    """
    until = time.monotonic() + seconds
    begun = {name: _begin(name, task) for name, task in tasks.items()}
    outcomes: dict[str, T | KanoaError] = {}
    for name, future in begun.items():
        outcome = _outcome(name, future, until, seconds)
        outcomes[name] = outcome
    return outcomes


def _begin(name: str, task: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(task())
        except BaseException as error:
            future.set_exception(error)

    # Not of a pool: one that hangs must hold up neither the next nor the end of the process.
    threading.Thread(target=work, name=f"search {name}", daemon=True).start()
    return future


def _outcome(name: str, future: Future[T], until: float, seconds: float) -> T | KanoaError:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except KanoaError as error:
        return error
    except TooLate:
        if not future.done():
            return RetrieverFailed(f"{name} did not answer within {seconds:g} s.")
        return RetrieverFailed(f"{name} failed: it gave up waiting for something of its own.")
    except Exception as error:  # a connector may be anybody's
        _log.error("%s failed: %s\n%s", name, type(error).__name__, "".join(format_tb(error.__traceback__)))
        return RetrieverFailed(f"{name} failed: {type(error).__name__}.")
