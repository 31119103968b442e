"""A clock that jumps: what waits for hours is tested in a moment, to the same result every time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where every task waits for a time, it is that time at once."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        selector: Any = self._selector  # type: ignore[attr-defined]
        look = selector.select

        def select(timeout: float | None = None) -> Any:
            assert timeout is not None, "every task waits for another, for ever"
            self._now += timeout
            return look(0)

        selector.select = select

    def time(self) -> float:
        return self._now


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """To its end, on a clock that begins at 0.

    Raises:
        AssertionError: nothing would ever happen any more.
    """
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
