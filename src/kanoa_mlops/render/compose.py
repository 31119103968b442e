"""The same plans as a Compose file: engines that nobody else reaches, the gateway, and Traefik in front.

Docker and Podman read it alike. The engines' network leads nowhere, so no engine can tell anybody anything;
keys enter by files; only Traefik is published, on loopback.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Container, Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.planner.plan import Plan

TRAEFIK = "docker.io/library/traefik:v3.7.15"
GATEWAY = "localhost/kanoa-mlops"
PORT = 8000
"""Of gateway and Traefik, each in its container."""
_DRAIN_SECONDS = 60
"""What answers under way get when a part is stopped; whoever stands before a part waits longer."""
_PING = ("--entryPoints.ping.address=127.0.0.1:8082", "--ping=true", "--ping.entryPoint=ping")


@dataclass(frozen=True)
class Part:
    """One engine to be."""

    plan: Plan
    launch: Launch
    alive: tuple[str, ...] = ()
    """A command inside that ends 0 when '{url}' answers well."""

    @property
    def name(self) -> str:
        """Of the service, as a host name may be."""
        return re.sub(r"[^a-z0-9-]+", "-", self.plan.model.lower())

    @property
    def key_name(self) -> str:
        return f"key-{self.name}"


@dataclass(frozen=True)
class Person:
    """Whom the files belong to, and who the parts are inside."""

    user: str
    """'1000:1000'."""
    user_namespace: str = ""
    """Podman's 'keep-id' without an administrator; '' for the usual one."""
    groups: tuple[int, ...] = ()
    """That may open the devices."""


def compose_document(
    parts: Sequence[Part], person: Person, port: int, version: str, keys: Path
) -> dict[str, Any]:
    """
    Args:
        port: of loopback, that Traefik is published on.
        version: of this project; the gateway's image.
        keys: the folder that holds a key for each part, `<key name>`.
    """
    engines = {part.name: _engine(part, person) for part in parts}
    document = {
        "name": "kanoa-mlops",
        "services": {
            **engines,
            "gateway": _gateway(parts, person, version),
            "traefik": _traefik(person, port),
        },
        "networks": {"engines": {"internal": True}, "front": {}},
        "secrets": {part.key_name: {"file": str(keys / part.key_name)} for part in parts},
    }
    escaped: dict[str, Any] = _escaped(document)
    return escaped


def gateway_document(parts: Iterable[Part]) -> dict[str, Any]:
    """What the gateway reads. Only Traefik reaches it, and only this machine reaches Traefik."""
    return {
        "open": True,
        "backends": [
            {
                "model": part.plan.model,
                "aliases": list(part.plan.aliases),
                "url": f"http://{part.name}:{container.PORT}",
                "engine": part.plan.engine,
                "sees": part.plan.sees,
                "context": part.plan.context,
                "health": part.launch.health_path,
                "key_file": f"/run/secrets/{part.key_name}",
            }
            for part in parts
        ],
    }


def routes_document() -> dict[str, Any]:
    """What Traefik reads. A foreign name is a page that rebinds DNS, so only loopback's are known."""
    hosts = " || ".join(f"Host(`{name}`)" for name in ("localhost", "127.0.0.1", "[::1]"))
    router = {"rule": hosts, "entryPoints": ["web"], "service": "gateway"}
    balancer = {"servers": [{"url": f"http://gateway:{PORT}"}]}
    return {"http": {"routers": {"gateway": router}, "services": {"gateway": {"loadBalancer": balancer}}}}


def dockerfile(version: str) -> str:
    """Of the gateway's image."""
    return f"""\
FROM docker.io/library/python:3.11-slim-bookworm
RUN pip install --no-cache-dir "kanoa-mlops[figures]=={version}"
ENTRYPOINT ["kanoa-mlops"]
"""


def _engine(part: Part, person: Person) -> dict[str, Any]:
    walls = part.launch.container
    assert walls is not None, "only what runs in a container becomes a service"
    service = _hardened(person) | {
        "image": walls.image,
        # Always said: what is only a command would be added to the image's own entry point.
        "entrypoint": [part.launch.argv[0]],
        "command": list(part.launch.argv[1:]),
        "environment": {"HOME": "/tmp", "USER": "engine"} | dict(part.launch.environment),
        "networks": ["engines"],
        "volumes": [_volume(mount) for mount in walls.mounts if mount.target != container.KEY],
        "secrets": [{"source": part.key_name, "target": Path(container.KEY).name}],
        "deploy": {"resources": {"reservations": _reservations(part.plan, walls)}},
    }
    if part.alive:
        url = f"http://127.0.0.1:{container.PORT}{part.launch.health_path}"
        service["healthcheck"] = _health([word.format(url=url) for word in part.alive], start_seconds=900)
    return service | _devices(walls, person)


def _gateway(parts: Sequence[Part], person: Person, version: str) -> dict[str, Any]:
    ask = f"import urllib.request as web; web.urlopen('http://127.0.0.1:{PORT}/')"
    return _hardened(person) | {
        "image": f"{GATEWAY}:{version}",
        "build": {"context": "./gateway"},
        "entrypoint": ["kanoa-mlops"],
        "command": [
            *("gateway", "--config", "/etc/kanoa-mlops/gateway.yaml"),
            *("--host", "0.0.0.0", "--port", str(PORT)),
        ],
        "environment": {"HOME": "/tmp", "KANOA_MLOPS_DRAIN": str(_DRAIN_SECONDS)},
        "networks": ["engines", "front"],
        "volumes": [_config("./gateway.yaml", "/etc/kanoa-mlops/gateway.yaml")],
        "secrets": [part.key_name for part in parts],
        "stop_grace_period": f"{_DRAIN_SECONDS + 5}s",
        "healthcheck": _health(["python3", "-c", ask], start_seconds=60),
    }


def _traefik(person: Person, port: int) -> dict[str, Any]:
    return _hardened(person) | {
        "image": TRAEFIK,
        "entrypoint": ["traefik"],
        "command": [
            f"--entryPoints.web.address=:{PORT}",
            # Left alone an upload is cut after a minute, and a stop after ten seconds cuts an answer.
            "--entryPoints.web.transport.respondingTimeouts.readTimeout=300s",
            f"--entryPoints.web.transport.lifeCycle.graceTimeOut={_DRAIN_SECONDS + 10}s",
            # Left alone it keeps idle connections longer than the gateway, and loses what it sends just then.
            "--serversTransport.forwardingTimeouts.idleConnTimeout=60s",
            *_PING,
            # By file: with the usual provider it would hold the socket that rules the machine.
            "--providers.file.filename=/etc/traefik/routes.yaml",
            # Left alone it asks its makers for a newer version.
            "--global.checkNewVersion=false",
            "--global.sendAnonymousUsage=false",
        ],
        "networks": ["front"],
        "ports": [f"127.0.0.1:{port}:{PORT}"],
        "volumes": [_config("./routes.yaml", "/etc/traefik/routes.yaml")],
        "depends_on": ["gateway"],
        "stop_grace_period": f"{_DRAIN_SECONDS + 15}s",
        "healthcheck": _health(["traefik", "healthcheck", *_PING], start_seconds=30),
    }


def _hardened(person: Person) -> dict[str, Any]:
    """The image as it was made, without any right of the administrator."""
    service: dict[str, Any] = {
        "user": person.user,
        "read_only": True,
        "tmpfs": ["/tmp:rw,exec,nosuid,nodev,mode=1777,size=4g"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", "label:disable"],
        "pids_limit": 4096,
        "restart": "unless-stopped",
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
    }
    return service | ({"userns_mode": person.user_namespace} if person.user_namespace else {})


def _reservations(plan: Plan, walls: Container) -> dict[str, Any]:
    where = "host" if plan.place == "cpu" or not walls.graphics else "device"
    reserved: dict[str, Any] = {}
    if where == "host":
        reserved["memory"] = f"{plan.memory_bytes // 2**20}m"
    if walls.graphics == "nvidia" and not walls.runtime:
        reserved["devices"] = [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
    return reserved


def _devices(walls: Container, person: Person) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if walls.runtime:
        told["runtime"] = walls.runtime
    if walls.devices:
        told["devices"] = [f"{device}:{device}" for device in walls.devices]
        # By number: their names are the machine's, not the image's.
        told["group_add"] = [str(group) for group in person.groups]
    if walls.shared_memory:
        told["shm_size"] = f"{walls.shared_memory // 2**20}m"
    return told


def _volume(mount: Mount) -> dict[str, Any]:
    volume: dict[str, Any] = {"type": "bind", "source": str(mount.source), "target": mount.target}
    return volume if mount.writable else volume | {"read_only": True}


def _config(source: str, target: str) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, "read_only": True}


def _health(command: Sequence[str], start_seconds: int) -> dict[str, Any]:
    return {
        "test": ["CMD", *command],
        "interval": "10s",
        "timeout": "5s",
        "retries": 3,
        "start_period": f"{start_seconds}s",
    }


def _escaped(value: Any) -> Any:
    """A dollar sign begins a variable in a Compose file, unless it is doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list) else value
