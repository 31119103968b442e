"""A way through a proxy: it is asked for by CONNECT, and what goes through is encrypted from end to end."""

from __future__ import annotations

import asyncio
import re

from kanoa_mlops.gateway.http.proxy import Proxy

_LONGEST_ANSWER = 16 * 1024  # bytes of the proxy's head
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_WANTS_A_NAME = 407
_FORBIDDEN = 403


class Closed(Exception):
    """The proxy does not let us through; says why, without what was sent to it."""


async def open_tunnel(proxy: Proxy, place: str) -> asyncio.Transport:
    """
    Args:
        place: where it is to lead, as 'api.example.com:443'.

    Raises:
        OSError: the proxy is not reached.
        Closed: it answered something else than yes.
    """
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_connection(lambda: _Asking(loop), proxy.host, proxy.port)
    try:
        transport.write(_head(proxy, place))
        status = await asking.answer
        if not 200 <= status < 300:
            raise Closed(_why(status, proxy, place))
    except BaseException:
        transport.abort()
        raise
    return transport


class _Asking(asyncio.Protocol):
    """Until the head of the answer is here."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[int] = loop.create_future()
        self._heard = b""

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        self._heard += data
        head, end, _ = self._heard.partition(b"\r\n\r\n")
        if end:
            found = _STATUS.match(head)
            self._tell(int(found[1]) if found else Closed("it answers what is no HTTP"))
        elif len(self._heard) > _LONGEST_ANSWER:
            self._tell(Closed("its answer has no end"))

    def connection_lost(self, error: Exception | None) -> None:
        self._tell(Closed("it ends the connection without an answer"))

    def _tell(self, what: int | Closed) -> None:
        if self.answer.done():
            return
        if isinstance(what, int):
            self.answer.set_result(what)
        else:
            self.answer.set_exception(what)


def _head(proxy: Proxy, place: str) -> bytes:
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _why(status: int, proxy: Proxy, place: str) -> str:
    if status == _WANTS_A_NAME:
        return "it refuses this name and password" if proxy.authorization else "it wants a name and password"
    if status == _FORBIDDEN:
        return f"it forbids the way to {place}"
    return f"it answers HTTP {status} for {place}"
