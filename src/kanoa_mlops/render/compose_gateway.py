"""The gateways of a Compose file: they want keys, and keep books that outlive them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kanoa_mlops.engines import container
from kanoa_mlops.render.compose_books import STATE_DIR, Books
from kanoa_mlops.render.compose_service import DRAIN_SECONDS, PORT, Part, Person, hardened, health, shown

GATEWAY = "localhost/kanoa-mlops"
_CONFIG = "/etc/kanoa-mlops/gateway.yaml"


def first_key(tool: str, books: Books) -> str:
    """The command that lets somebody in; before that no gateway starts."""
    # Docker starts what the gateway depends on by itself; Podman Compose does not wait for it.
    waited = [f"{tool} compose up --detach --wait {name}" for name in books.depends_on]
    return " && ".join([*waited, f"{tool} compose run --rm gateway keys add NAME"])


def gateway_names(replicas: int) -> list[str]:
    """A service each: of one that is several, Traefik would see a single server. The first has always the
    same name, under which commands are run."""
    return ["gateway", *(f"gateway-{number}" for number in range(2, replicas + 1))]


def gateway_service(parts: Sequence[Part], person: Person, version: str, books: Books) -> dict[str, Any]:
    ask = f"import urllib.request as web; web.urlopen('http://127.0.0.1:{PORT}/')"
    service = hardened(person) | {
        "image": f"{GATEWAY}:{version}",
        "build": {"context": "./gateway"},
        "entrypoint": ["kanoa-mlops"],
        "command": ["gateway", "--config", _CONFIG, "--host", "0.0.0.0", "--port", str(PORT)],
        "environment": {"HOME": "/tmp", "KANOA_MLOPS_DRAIN": str(DRAIN_SECONDS), **books.environment},
        "networks": ["engines", "front", *books.networks],
        "volumes": [shown("./gateway.yaml", _CONFIG), *books.mounts],
        "secrets": [*(part.key_name for part in parts), *books.secrets],
        "stop_grace_period": f"{DRAIN_SECONDS + 5}s",
        "healthcheck": health(["python3", "-c", ask], start_seconds=60),
    }
    return service | ({"depends_on": books.depends_on} if books.depends_on else {})


def gateway_document(parts: Iterable[Part]) -> dict[str, Any]:
    """What the gateway reads."""
    return {"backends": [_backend(part) for part in parts]}


def _backend(part: Part) -> dict[str, Any]:
    plan = part.plan
    known = {
        "model": plan.model,
        "aliases": list(plan.aliases),
        "url": f"http://{part.name}:{container.PORT}",
        "engine": plan.engine,
        "kind": plan.kind,
        "sees": plan.sees,
        "reasons": part.model.reasoning,
        "context": plan.context,
        "parallel": plan.sequences,
        "health": part.launch.health_path,
        "key_file": f"/run/secrets/{part.key_name}",
    }
    if embedding := part.model.embedding:
        known["vectors"] = {
            "dimensions": embedding.dimensions,
            "shortest": embedding.shortest,
            "cuts": list(embedding.cuts),
            "query_prompt": embedding.query_prompt,
            "document_prompt": embedding.document_prompt,
        }
    return known


def dockerfile(version: str, person: Person) -> str:
    """Of the gateway's image."""
    uid, _, gid = person.user.partition(":")
    return f"""\
FROM docker.io/library/python:3.11-slim-bookworm
RUN pip install --no-cache-dir "kanoa-mlops[figures,postgres]=={version}"
# A volume that is new belongs to whom the folder of the image does.
RUN install --directory --owner={uid} --group={gid} --mode=700 {STATE_DIR}
ENTRYPOINT ["kanoa-mlops"]
"""
