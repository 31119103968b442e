"""A gateway that leaves tells the balancer before it, and answers on until no more is sent its way."""

from __future__ import annotations

import asyncio

from kanoa_mlops.gateway.answering import Answering
from kanoa_mlops.gateway.http.request import Receive, Request, Scope
from kanoa_mlops.gateway.http.response import Send
from kanoa_mlops.gateway.inflight import stopping
from kanoa_mlops.gateway.routes import PROBES

NOTICE_HEADER = "x-kanoa-notice"
"""On a look at the gateway's health: the seconds by which whoever looks wants to be told that it leaves."""
_LONGEST_SECONDS = 15.0
_FORGOTTEN_SECONDS = 30.0
"""A balancer that has not looked for so long is no more."""


class Departure:
    """Around an application. Whose looks name no notice is told nothing, and is not waited for."""

    def __init__(self, app: Answering) -> None:
        self._app = app
        self._leaving = False
        self._notice = self._seen = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PROBES and (notice := _notice(request := Request(scope, receive, send))):
            self._notice, self._seen = notice, asyncio.get_running_loop().time()
            if self._leaving:
                await request.answer(stopping().response(), {})
                return
        await self._app(scope, receive, send)

    async def give_notice(self, most: float) -> float:
        """Answer everybody else as before until the balancer knows, for at most so many seconds.

        Returns:
            The seconds that took.
        """
        loop = asyncio.get_running_loop()
        if not self._notice or loop.time() - self._seen > _FORGOTTEN_SECONDS:
            return 0.0
        self._leaving = True
        seconds = min(self._notice, most)
        await asyncio.sleep(seconds)
        return seconds


def _notice(request: Request) -> float:
    """Seconds; 0 where none is wanted."""
    wanted = request.headers.get(NOTICE_HEADER, "")
    return min(float(wanted), _LONGEST_SECONDS) if wanted.isdecimal() else 0.0
