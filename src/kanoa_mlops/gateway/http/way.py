"""How connections are made: straight to what is near, and as the company wants it to what is beyond."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from kanoa_mlops.gateway.http.connection import Connection
from kanoa_mlops.gateway.http.proxy import Proxies, Proxy, bracketed
from kanoa_mlops.gateway.http.tunnel import Closed, open_tunnel

_STRAIGHT = Proxies()
_CONNECT_SECONDS = 5.0
_TUNNEL_SECONDS = 15.0
"""Through a proxy: to it, from it, and the greeting of both ends."""
_NUMBER = re.compile(r"\[Errno (\d+)\]")


class Unreachable(Exception):
    """Nobody listens there, or the name is not known."""


class Barred(Unreachable):
    """Something of the owner's own is in the way. Says what, for the owner, and holds no password."""


@dataclass(frozen=True)
class Where:
    """An address, taken apart."""

    place: str
    """Scheme, name and port: what a connection leads to; and by which way."""
    secure: bool
    hostname: str
    port: int
    host: str
    """As a request names it."""
    path: str
    """With its query."""
    beyond: bool
    """It is not on the owner's machines."""


@dataclass(frozen=True)
class WayOut:
    """To what is beyond the owner's machines."""

    proxies: Proxies = _STRAIGHT
    certificates: Path | None = None
    """A file or folder of authorities that are trusted beside the system's."""

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """
        Raises:
            Barred: the certificates cannot be read.
        """
        context = ssl.create_default_context()
        if self.certificates is None:
            return context
        try:
            if self.certificates.is_dir():
                context.load_verify_locations(capath=self.certificates)
            else:
                context.load_verify_locations(cafile=self.certificates)
        except OSError as error:  # an SSLError, of a file that holds no certificate, is one too
            raise Barred(f"certificates: {self.certificates} cannot be read: {error.strerror}.") from error
        return context


async def connect(where: Where, out: WayOut) -> Connection:
    """
    Raises:
        Unreachable: nobody is there, or who is cannot be trusted.
    """
    try:
        if where.beyond and where.secure:
            return await _leave(where, out)
        return await _straight(where, _trust() if where.secure else None)
    except (OSError, TimeoutError) as error:
        raise Unreachable(_words(error)) from error


def _words(error: OSError | TimeoutError) -> str:
    """Without the number, and without the address that asyncio puts into some.

    A name with several addresses, none of which answers, gives all of it in one text.
    """
    # The numbers of these two are not the system's, though on some systems they look as if they were.
    if error.errno and not isinstance(error, (ssl.SSLError, socket.gaierror)):
        return os.strerror(error.errno).lower()
    if several := dict.fromkeys(_NUMBER.findall(error.strerror or str(error))):
        return ", ".join(os.strerror(int(each)).lower() for each in several)
    late = isinstance(error, TimeoutError)
    # One that ends while the two greet each other has no words.
    nothing = f"no connection within {_CONNECT_SECONDS:g} s" if late else "the connection was closed"
    return error.strerror or str(error) or nothing


async def _leave(where: Where, out: WayOut) -> Connection:
    try:
        proxy = out.proxies.to(where.hostname, where.port)
    except ValueError as error:
        raise Barred(f"{error}.") from None  # it was made of what may hold a password
    try:
        return await (_through(proxy, where, out) if proxy else _straight(where, out.trust))
    except ssl.SSLCertVerificationError as error:
        raise Barred(
            f"The certificate of {where.host} is not trusted: {error.verify_message}. Where a proxy of the "
            "company shows its own, set `certificates` to the file of its authority."
        ) from error


async def _straight(where: Where, trust: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_CONNECT_SECONDS):
        _, connection = await loop.create_connection(Connection, where.hostname, where.port, ssl=trust)
    return connection


async def _through(proxy: Proxy, where: Where, out: WayOut) -> Connection:
    try:
        async with asyncio.timeout(_TUNNEL_SECONDS):
            transport = await open_tunnel(proxy, f"{bracketed(where.hostname)}:{where.port}")
            return await _secured(transport, where, out.trust)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, Closed) as error:
        why = str(error) if isinstance(error, Closed) else error.strerror or type(error).__name__
        raise Barred(f"The proxy {proxy.place} is no way to {where.host}: {why}.") from error
    except TimeoutError:
        raise Barred(
            f"The proxy {proxy.place} is no way to {where.host}: nothing came of it in {_TUNNEL_SECONDS:g} s."
        ) from None


async def _secured(transport: asyncio.Transport, where: Where, trust: ssl.SSLContext) -> Connection:
    loop, connection = asyncio.get_running_loop(), Connection()
    try:
        secure = await loop.start_tls(transport, connection, trust, server_hostname=where.hostname)
    except BaseException:
        transport.abort()
        raise
    if secure is None:
        raise ConnectionError("the connection was closed")
    connection.connection_made(secure)
    return connection


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
