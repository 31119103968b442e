"""Who a request claims to be for. A web page elsewhere can make a name of its own point at this machine (DNS
rebinding) or post to localhost blindly; both show in the headers that the browser sets."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, is this machine talking to itself."""
    name = host.lower().removesuffix(".").removeprefix("[").removesuffix("]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)  # a client says the same each time
def host_allowed(header: str, allowed: frozenset[str]) -> bool:
    """Whether a `Host` header, with or without port, is a loopback name or one of `allowed` (lower case)."""
    host = _without_port(header)
    return host is not None and (is_loopback(host) or host.lower() in allowed)


def origin_allowed(header: str, allowed: frozenset[str]) -> bool:
    """Whether an `Origin` header is a page of this machine, or no web page at all (an editor's panel)."""
    if not header.lower().startswith(("http://", "https://")):
        return header != "null"
    return host_allowed(header.partition("://")[2].partition("/")[0], allowed)


def _without_port(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
