"""One task that waits for news, of which there is only ever the last."""

from __future__ import annotations

import asyncio


class Waiter:
    __slots__ = ("_news",)

    def __init__(self) -> None:
        self._news: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Until there is something new. Whether it is what was waited for, the task looks itself."""
        self._news = asyncio.get_running_loop().create_future()
        try:
            await self._news
        finally:
            self._news = None

    def wake(self) -> None:
        if self._news and not self._news.done():
            self._news.set_result(None)
