"""The event loop of a server."""

from __future__ import annotations

import asyncio
import gc
import logging
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
