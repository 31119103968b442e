"""Asking an address, and what came back."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, url2pathname

from kanoa_mlops import __version__
from kanoa_mlops.errors import SettingsError, SourceFailed
from kanoa_mlops.weights.address import Address, mask
from kanoa_mlops.weights.opener import make_opener
from kanoa_mlops.weights.patience import Patience

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that may be gone a moment later."""
_ANSWER_SECONDS = 3


class Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    url: str
    """Where it came from in the end, after redirects."""
    stream: Stream
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    def offered(self) -> tuple[int, int | None]:
        """The first byte it holds (-1: cannot be told), and the size of the whole where it is told."""
        if self.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", self.headers.get("content-range", ""))
            if span is None:
                return -1, None
            return int(span[1]), None if span[2] == "*" else int(span[2])
        length = self.headers.get("content-length", "")
        return 0, int(length) if length.isdigit() else None


class Web:
    """The way out: http and https, and file for what is laid out like a server on a disk."""

    def __init__(self, certificates: Path | None, patience: Patience) -> None:
        """
        Raises:
            SettingsError: the certificates cannot be read.
        """
        self.patience = patience
        self._opener = make_opener(_make_context(certificates), patience.stall_seconds)

    @contextmanager
    def open(self, address: Address, *, offset: int = 0, accept: str = "*/*") -> Iterator[Answer]:
        """The answer to a GET, from byte `offset` on; it is closed at the end of the block.

        Raises:
            SourceFailed: nobody answered. Its message is written to follow the name of who was asked.
        """
        if address.scheme == "file":
            answer = _open_file(address, offset)
        else:
            answer = self._open_http(address, offset, accept)
        with closing(answer.stream):
            yield answer

    def _open_http(self, address: Address, offset: int, accept: str) -> Answer:
        try:
            response = self._opener.open(
                _request(address, offset, accept), timeout=self.patience.connect_seconds
            )
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a redirect to nonsense
            if isinstance(error, HTTPError):
                error.close()
            raise SourceFailed(f"is unreachable ({explain(error)})", hint=_hint(error)) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, response.url, response, headers)


def answers(url: str, certificates: Path | None) -> bool:
    """Whether anybody answers there, within a few seconds."""
    web = Web(certificates, Patience(connect_seconds=_ANSWER_SECONDS, stall_seconds=_ANSWER_SECONDS, tries=1))
    try:
        with web.open(Address.parse(url)):
            return True
    except SourceFailed:
        return False


def read_whole(answer: Answer, limit: int, what: str) -> bytes:
    """The body of an answer that is kept in memory.

    Raises:
        SourceFailed: it was cut, or is larger than `limit` bytes and so is not `what` it should be. Its
            message follows the name of who was asked.
    """
    body = bytearray()
    try:
        while chunk := answer.stream.read1(2**16):
            body += chunk
            if len(body) > limit:
                raise SourceFailed(f"answers with something too large to be {what}")
    except (OSError, HTTPException) as error:
        raise SourceFailed(f"was cut ({explain(error)})") from error
    return bytes(body)


def explain(error: Exception) -> str:
    """A network error in a few words, without any address."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, HTTPException | ValueError):
        # Only the name: the text may quote the address, credentials and all.
        return f"it does not speak HTTP as it should: {type(reason).__name__}"
    return mask(getattr(reason, "strerror", None) or str(reason))


def _hint(error: Exception) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, ssl.SSLCertVerificationError):
        return "Behind a company's proxy, set `certificates` to the file of its certificate authority."
    return ""


def _request(address: Address, offset: int, accept: str) -> Request:
    headers = {"User-Agent": f"kanoa-mlops/{__version__}", "Accept": accept, "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = Request(address.url, headers=headers)
    if address.authorization:
        request.add_unredirected_header("Authorization", address.authorization)
    return request


def _open_file(address: Address, offset: int) -> Answer:
    path = Path(url2pathname(urlsplit(address.url).path))
    try:
        if path.is_dir():
            path /= "index.html"
        stream = path.open("rb")
    except OSError as error:
        raise SourceFailed(f"cannot be read ({path}: {error.strerror})") from error
    size = stream.seek(0, 2)
    stream.seek(offset)
    headers = {"content-range": f"bytes {offset}-{size - 1}/{size}", "content-type": "text/html"}
    return Answer(206 if offset else 200, address.url, stream, headers)


def _make_context(certificates: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificates is None:
        return context
    try:
        if certificates.is_dir():
            context.load_verify_locations(capath=certificates)
        else:
            context.load_verify_locations(cafile=certificates)
    except OSError as error:  # an SSLError, of a file that holds no certificate, is one too
        raise SettingsError(f"certificates: {certificates} cannot be read: {error.strerror}") from error
    return context
