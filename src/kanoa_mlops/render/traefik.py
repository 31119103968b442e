"""Traefik in front of several gateways: two files, one read at its start, one whenever it changes.

No failover: it holds the whole body, answers the gateway's own refusals by another engine's work, and turns
what is refused in chunks into a 200 (tried with 3.7.15). Only what cannot be reached is tried again.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_LOOK_SECONDS, _LATE_SECONDS = 3, 2
"""Between two looks at a gateway, and what an answer may take."""
_NOTICE_SECONDS = _LOOK_SECONDS + _LATE_SECONDS + 1
"""What a gateway that leaves has to go on answering: by then no request is sent there."""
_NOTICE_HEADER = "x-kanoa-notice"
_UPLOAD_SECONDS = 600  # 64 MiB at 0.9 Mbit/s
_IDLE_SECONDS = 60  # less than the gateways keep a connection
_LAST_WORDS_SECONDS = 10  # of a gateway whose answers were not done in time, with some to spare
_ATTEMPTS = 30
_AGAIN_MS = 200  # at first; Traefik doubles it by the last: about 8 s in all, and a dead one is found in 3
_NOTES = {
    "readTimeout": "60s if unsaid, and then a large image over a slow line is cut.",
    "graceTimeOut": "10s if unsaid, and then a stop cuts answers. No less than the gateways' own patience.",
    "encodedCharacters": "Names of models have slashes, which clients encode; not all versions let them in.",
    "queryParameters": "Kept if unsaid, and people put keys there.",
    "passHostHeader": "A gateway on loopback refuses other names, as a page that rebinds DNS has one.",
    "healthCheck": "Not /health: it is 503 until a model is ready, and the reason would not reach clients.",
    "idleConnTimeout": "90s if unsaid; the gateways close after 75 s, and what is sent just then is lost.",
    "retry": "Where no connection came about, so nothing is asked twice. With `status` it would be.",
    "rateLimit": "Each Traefik counts alone.",
    "defaultCertificate": "For clients that go by address too. Render again when it was renewed.",
}
"""Told where the key is written."""


@dataclass(frozen=True)
class Certificate:
    """Of one's own, in PEM."""

    chain: Path
    key: Path

    @property
    def resolver(self) -> dict[str, Any]:
        return {}

    @property
    def stores(self) -> dict[str, Any]:
        files = {"certFile": str(self.chain), "keyFile": str(self.key)}
        return {"stores": {"default": {"defaultCertificate": files}}}


@dataclass(frozen=True)
class Acme:
    """From Let's Encrypt, who come to port 443 of each name to see whose it is."""

    email: str
    storage: Path

    @property
    def resolver(self) -> dict[str, Any]:
        return {"certResolver": "acme"}

    @property
    def stores(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Front:
    """What is to stand before the gateways."""

    replicas: Sequence[str]
    """Base addresses, without `/v1`."""
    names: Sequence[str]
    """Host names and IPv4 addresses that clients use; no other is answered. Traefik matches none of IPv6."""
    tls: Certificate | Acme
    host: str
    port: int
    """Of https, on `host`."""
    plain_port: int
    """Of http, which only leads to https."""
    requests_per_minute: int | None
    """Of each Authorization header, as many at once after a rest."""
    drain_seconds: float
    """What a gateway gives its answers when it is stopped."""


def static_text(front: Front, routes: Path) -> str:
    """The file that Traefik is started with; `routes` is where the other one is."""
    grace = math.ceil(front.drain_seconds + _LAST_WORDS_SECONDS)
    transport = {
        "respondingTimeouts": {"readTimeout": f"{_UPLOAD_SECONDS}s", "writeTimeout": "0s"},
        "lifeCycle": {"graceTimeOut": f"{grace}s"},
    }
    document: dict[str, Any] = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {
            "web": {
                "address": _address(front.host, front.plain_port),
                "http": {
                    "redirections": {"entryPoint": {"to": "websecure", "scheme": "https"}},
                    "aliasHeadersStrategy": "delete",
                },
            },
            "websecure": {
                "address": _address(front.host, front.port),
                "transport": transport,
                "http": {
                    "tls": front.tls.resolver,
                    "encodedCharacters": {"allowEncodedSlash": True},
                    "aliasHeadersStrategy": "delete",
                },
            },
        },
        "providers": {"file": {"filename": str(routes), "watch": True}},
        "log": {"level": "WARN", "format": "json"},
        "accessLog": {
            "format": "json",
            "fields": {
                "names": {"ClientUsername": "drop"},
                "queryParameters": {"defaultMode": "drop"},
                "headers": {"defaultMode": "drop"},
            },
        },
    }
    if isinstance(front.tls, Acme):
        resolver = {"email": front.tls.email, "storage": str(front.tls.storage), "tlsChallenge": {}}
        document["certificatesResolvers"] = {"acme": {"acme": resolver}}
    return _text(document)


def routes_text(front: Front) -> str:
    """The file that is read again whenever it changes."""
    # Of localhost HSTS would lock out its other servers.
    public = not any(is_address(name) or name == "localhost" for name in front.names)
    passed = middlewares(public=public, requests_per_minute=front.requests_per_minute)
    hosts = " || ".join(f"Host(`{name}`)" for name in front.names)
    router = {
        # Metrics are each gateway's own, and nobody's business out there.
        "rule": f"({hosts}) && !Path(`/metrics`)",
        "entryPoints": ["websecure"],
        "middlewares": list(passed),
        "service": "gateways",
        "tls": front.tls.resolver,
    }
    document = {
        "http": {"routers": {"gateways": router}, "middlewares": passed, **balanced(front.replicas)},
        "tls": {"options": {"default": {"minVersion": "VersionTLS12"}}, **front.tls.stores},
    }
    return _text(document)


def middlewares(*, public: bool = False, requests_per_minute: int | None = None) -> dict[str, Any]:
    """In the order they are passed.

    Args:
        public: whoever came by https is to come by nothing else.
        requests_per_minute: as in `Front`.
    """
    # It is this Traefik's to say how much notice it wants.
    headers: dict[str, Any] = {"contentTypeNosniff": True, "customRequestHeaders": {_NOTICE_HEADER: ""}}
    if public:
        headers["stsSeconds"] = 31_536_000  # a year
    passed: dict[str, Any] = {"headers": {"headers": headers}}
    if count := requests_per_minute:
        passed["rate"] = {
            "rateLimit": {
                "average": count,
                "period": "1m",
                "burst": count,
                "sourceCriterion": {"requestHeaderName": "Authorization"},
            }
        }
    return passed | {"again": {"retry": {"attempts": _ATTEMPTS, "initialInterval": f"{_AGAIN_MS}ms"}}}


def balanced(replicas: Sequence[str]) -> dict[str, Any]:
    """The service `gateways` over these base addresses, and how it reaches them."""
    balancer = {
        "strategy": "p2c",
        "servers": [{"url": url} for url in replicas],
        "passHostHeader": False,
        "serversTransport": "gateways",
        "healthCheck": {
            "path": "/",
            "interval": f"{_LOOK_SECONDS}s",
            "timeout": f"{_LATE_SECONDS}s",
            "headers": {_NOTICE_HEADER: str(_NOTICE_SECONDS)},
        },
    }
    timeouts = {"dialTimeout": "2s", "idleConnTimeout": f"{_IDLE_SECONDS}s"}
    return {
        "services": {"gateways": {"loadBalancer": balancer}},
        "serversTransports": {"gateways": {"forwardingTimeouts": timeouts}},
    }


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _text(document: Mapping[str, Any]) -> str:
    """YAML, with what is to be minded above its line."""
    lines = []
    for line in yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000).splitlines():
        key = line.strip().partition(":")[0]
        if note := _NOTES.get(key):
            lines.append(f"{line[: len(line) - len(line.lstrip())]}# {note}")
        lines.append(line)
    return "\n".join([*lines, ""])
