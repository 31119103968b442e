"""The event loop of a server, and what ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Coroutine
from typing import Any

_SETTLED_SECONDS = 2.0  # after its start a server has imported what it needs
_YOUNG = 20_000
"""Objects made before the collector looks at them; requests leave few that it has to find."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """To its end, on uvloop: a request costs it a third less. There is none on Windows."""
    _log_less_of_each()
    try:
        from uvloop import run as run_fast
    except ImportError:
        asyncio.run(_settling(main))
    else:
        run_fast(_settling(main))


def stop_on_signals() -> asyncio.Event:
    """An event that the first signal sets; a second one ends the process at once, and its engines with it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard(number: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, heard, number)
    return stop


async def _settling(main: Coroutine[Any, Any, None]) -> None:
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    settled = asyncio.get_running_loop().call_later(_SETTLED_SECONDS, _settle)
    try:
        await main
    finally:
        settled.cancel()


def _settle() -> None:
    """What is there now stays: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


def _log_less_of_each() -> None:
    """What our lines do not show need not be found out; see Optimization in Python's logging how-to."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
