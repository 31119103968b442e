"""The same plans as a Compose file: engines that nobody else reaches, gateways, and Traefik in front.

Docker and Podman read it alike. The engines' network leads nowhere, so no engine can tell anybody anything;
keys enter by files; only Traefik is published, on loopback. Several gateways share a Postgres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Container, Mount
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.render.compose_books import books_of
from kanoa_mlops.render.compose_gateway import gateway_names, gateway_service
from kanoa_mlops.render.compose_service import DRAIN_SECONDS, PORT, Part, Person, hardened, health, shown
from kanoa_mlops.render.traefik import balanced, middlewares

TRAEFIK = "docker.io/library/traefik:v3.7.15"
_PING = ("--entryPoints.ping.address=127.0.0.1:8082", "--ping=true", "--ping.entryPoint=ping")


def compose_document(
    parts: Sequence[Part], person: Person, port: int, version: str, keys: Path, replicas: int = 1
) -> dict[str, Any]:
    """
    Args:
        port: of loopback, that Traefik is published on.
        version: of this project; the gateway's image.
        keys: the folder that holds a key for each part, `<key name>`, and what the books want.
        replicas: gateways.
    """
    engines = {part.name: _engine(part, person) for part in parts}
    books, gateways = books_of(replicas), gateway_names(replicas)
    secrets = [*(part.key_name for part in parts), *books.secrets]
    document = {
        "name": "kanoa-mlops",
        "services": {
            **engines,
            **books.services(person),
            **{name: gateway_service(parts, person, version, books) for name in gateways},
            "traefik": _traefik(person, port, gateways),
        },
        "volumes": {books.volume: {}},
        "networks": {name: {"internal": True} for name in ("engines", *books.networks)} | {"front": {}},
        "secrets": {name: {"file": str(keys / name)} for name in secrets},
    }
    escaped: dict[str, Any] = _escaped(document)
    return escaped


def routes_document(replicas: int) -> dict[str, Any]:
    """What Traefik reads. A foreign name is a page that rebinds DNS, so only loopback's are known."""
    hosts = " || ".join(f"Host(`{name}`)" for name in ("localhost", "127.0.0.1", "[::1]"))
    urls = [f"http://{name}:{PORT}" for name in gateway_names(replicas)]
    if replicas == 1:
        # Nobody looks how it is: with no other to ask, it would only be away for longer.
        router = {"rule": hosts, "entryPoints": ["web"], "service": "gateway"}
        balancer = {"servers": [{"url": url} for url in urls]}
        return {"http": {"routers": {"gateway": router}, "services": {"gateway": {"loadBalancer": balancer}}}}
    passed = middlewares()
    router = {
        # Metrics are each gateway's own.
        "rule": f"({hosts}) && !Path(`/metrics`)",
        "entryPoints": ["web"],
        "middlewares": list(passed),
        "service": "gateways",
    }
    return {"http": {"routers": {"gateways": router}, "middlewares": passed, **balanced(urls)}}


def _engine(part: Part, person: Person) -> dict[str, Any]:
    walls = part.launch.container
    assert walls is not None, "only what runs in a container becomes a service"
    service = hardened(person) | {
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
        service["healthcheck"] = health([word.format(url=url) for word in part.alive], start_seconds=900)
    return service | _devices(walls, person)


def _traefik(person: Person, port: int, gateways: Sequence[str]) -> dict[str, Any]:
    return hardened(person) | {
        "image": TRAEFIK,
        "entrypoint": ["traefik"],
        "command": [
            f"--entryPoints.web.address=:{PORT}",
            # Left alone an upload is cut after a minute, and a stop after ten seconds cuts an answer.
            "--entryPoints.web.transport.respondingTimeouts.readTimeout=300s",
            f"--entryPoints.web.transport.lifeCycle.graceTimeOut={DRAIN_SECONDS + 10}s",
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
        "volumes": [shown("./routes.yaml", "/etc/traefik/routes.yaml")],
        "depends_on": list(gateways),
        "stop_grace_period": f"{DRAIN_SECONDS + 15}s",
        "healthcheck": health(["traefik", "healthcheck", *_PING], start_seconds=30),
    }


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


def _escaped(value: Any) -> Any:
    """A dollar sign begins a variable in a Compose file, unless it is doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(each) for key, each in value.items()}
    return [_escaped(each) for each in value] if isinstance(value, list) else value
