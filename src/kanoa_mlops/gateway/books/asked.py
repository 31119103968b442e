"""A request that waits to be let in, and is answered from another thread."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.rate_limits import Place
from kanoa_mlops.gateway.books.refusal import Refusal


@dataclass(frozen=True)
class Asked:
    """Made on the loop that waits."""

    key: Key
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    answered: asyncio.Future[Place | Refusal] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def answer(self, found: Place | Refusal) -> None:
        """From any thread."""
        try:
            self.loop.call_soon_threadsafe(partial(_deliver, self.answered, found))
        except RuntimeError:  # the loop was closed: nobody waits any more
            _end(found)

    def give_back(self) -> None:
        """What comes, or came, to one that no longer waits for it."""
        if not self.answered.cancel() and not self.answered.cancelled():
            _end(self.answered.result())


def _deliver(answered: asyncio.Future[Place | Refusal], found: Place | Refusal) -> None:
    if answered.cancelled():
        _end(found)
    else:
        answered.set_result(found)


def _end(found: Place | Refusal) -> None:
    if not isinstance(found, Refusal):
        found.end()
