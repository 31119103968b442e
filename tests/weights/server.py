"""A real HTTP server for files, which misbehaves where a test asks it to."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CHUNK = 2**14


@dataclass
class Served:
    """What is at one path, and how it is given."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/octet-stream"
    location: str = ""
    """Redirect there."""
    headers: dict[str, str] = field(default_factory=dict)
    """Said besides, whatever the status."""
    authorization: str = ""
    """Refuse with 401 without this header."""
    guard: Callable[[str], Served | None] | None = None
    """What is said in place of this to whoever sends such an Authorization header; None to let them in."""
    knows_ranges: bool = True
    tells_length: bool = True
    cuts: list[int] = field(default_factory=list)
    """For each coming request: hang up after so many bytes."""
    stalls: list[int] = field(default_factory=list)
    """For each coming request: fall silent after so many bytes."""
    statuses: list[int] = field(default_factory=list)
    """For each coming request: answer this instead."""
    go_on: threading.Event | None = None
    """What comes after 16 KiB is given once this is set."""


@dataclass
class Seen:
    """One request, and how many bytes of a body it was given."""

    path: str
    headers: dict[str, str]
    sent: int = 0


class FileServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.log: list[Seen] = []
        self.closing = threading.Event()
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def seen(self, path: str) -> list[Seen]:
        return [each for each in self.log if each.path == path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what these tests are about."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    with FileServer() as server:
        if tls:
            server.scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        seen = Seen(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.log.append(seen)
        self.close_connection = True
        served = self.server.files.get(self.path)
        if served is None:
            self._say(404)
        elif served.guard and (said := served.guard(seen.headers.get("authorization", ""))):
            self._say(said.status, said.headers)
        elif served.authorization not in ("", seen.headers.get("authorization")):
            self._say(401)
        elif served.statuses:
            self._say(served.statuses.pop(0))
        elif served.location:
            status = served.status if 300 <= served.status < 400 else 302
            self._say(status, {"Location": served.location, **served.headers})
        elif served.status != 200:
            self._say(served.status, served.headers)
        else:
            self._give(served, seen)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _say(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _give(self, served: Served, seen: Seen) -> None:
        start = self._start(served)
        total = len(served.body)
        if start and start >= total:
            self._say(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", served.media_type)
        self.send_header("Connection", "close")
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{total - 1}/{total if served.tells_length else '*'}"
            )
        if served.tells_length:
            self.send_header("Content-Length", str(total - start))
        self.end_headers()
        cut = served.cuts.pop(0) if served.cuts else total
        stall = served.stalls.pop(0) if served.stalls else total
        for at in range(start, start + min(total - start, cut, stall), _CHUNK):
            chunk = served.body[at : min(at + _CHUNK, start + cut, start + stall)]
            self.wfile.write(chunk)
            seen.sent += len(chunk)
            if served.go_on:
                served.go_on.wait()
        if stall < total:
            self.server.closing.wait(20)

    def _start(self, served: Served) -> int:
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(span[1]) if span and served.knows_ranges else 0
