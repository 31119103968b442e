"""The proxy that a company lets its machines go out by, as the environment names it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

_PORT = 80
"""Of an http:// address that names none; proxies nearly always have one of their own."""


@dataclass(frozen=True)
class Proxy:
    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """The header that goes to the proxy alone; never shown."""

    @property
    def place(self) -> str:
        """For people."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True)
class Proxies:
    """For https:// addresses. As it comes, there is none."""

    https: str = field(default="", repr=False)
    """As in HTTPS_PROXY; it may hold a password."""
    bypassed: str = ""
    """As in NO_PROXY."""

    def to(self, host: str, port: int) -> Proxy | None:
        """The way there; None where it is straight.

        Raises:
            ValueError: the address is none that can be used; does not quote it.
        """
        if not self.https or proxy_bypass_environment(f"{bracketed(host)}:{port}", {"no": self.bypassed}):
            return None
        return parse_proxy(self.https)


def proxies_of(environment: Mapping[str, str]) -> Proxies:
    """As curl and Python's urllib find them: the lower-case name counts first, an empty one means none."""

    def named(name: str) -> str:
        return environment.get(name, environment.get(name.upper(), "")).strip()

    return Proxies(named("https_proxy"), named("no_proxy"))


def parse_proxy(address: str) -> Proxy:
    """'http://name:password@proxy.example:3128'; the scheme may be left out.

    Raises:
        ValueError: it is not of this form; does not quote it.
    """
    try:
        url = urlsplit(address if "://" in address else f"http://{address}")
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if not host or not host.isascii() or not host.isprintable():
        raise ValueError("HTTPS_PROXY is no address; write it as in http://proxy.example:3128")
    if url.scheme != "http":
        raise ValueError(
            f"HTTPS_PROXY begins with {url.scheme}://, which is not spoken here; "
            "what goes through an http:// proxy is encrypted all the same"
        )
    return Proxy(host, _PORT if port is None else port, _authorization(url.username, url.password))


def bracketed(host: str) -> str:
    """As an address with a port has it."""
    return f"[{host}]" if ":" in host else host


def _authorization(name: str | None, password: str | None) -> str:
    if name is None:
        return ""
    text = f"{unquote(name)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"
