"""Connections that give up in time."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

_SHORTEST_CONNECT_SECONDS = 3.0
"""An address gets at least this long, while the time for all of them lasts."""


class PlainConnection(HTTPConnection):
    """One timeout to connect, another between bytes; the library knows a single one."""

    def __init__(self, *args: Any, stall_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._create_connection = _connect
        self._stall_seconds = stall_seconds

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self._stall_seconds)


class TlsConnection(PlainConnection, HTTPSConnection):
    pass


def _connect(address: tuple[str, int], timeout: float, source_address: object = None) -> socket.socket:
    """As `socket.create_connection`, but the timeout is for all addresses of the host together.

    A host with eight addresses behind a silent firewall would else take eight times as long to give up.
    """
    end = time.monotonic() + timeout
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    error: OSError = TimeoutError("timed out")
    for index, (family, kind, protocol, _, where) in enumerate(found):
        left = end - time.monotonic()
        if left <= 0:
            break
        fair = max(left / (len(found) - index), _SHORTEST_CONNECT_SECONDS)
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(left, fair))
            connection.connect(where)
        except OSError as failed:
            connection.close()
            error = failed
        else:
            connection.settimeout(timeout)
            return connection
    raise error
