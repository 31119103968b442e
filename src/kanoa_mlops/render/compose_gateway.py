"""The gateway of a Compose file: it wants keys, and keeps its books in a volume that outlives it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kanoa_mlops.engines import container
from kanoa_mlops.render.compose_service import DRAIN_SECONDS, PORT, Part, Person, hardened, health, shown

GATEWAY = "localhost/kanoa-mlops"
STATE = "state"
"""The volume with keys, ledger and budgets."""
_STATE_DIR = "/var/lib/kanoa-mlops"
_CONFIG = "/etc/kanoa-mlops/gateway.yaml"


def first_key(tool: str) -> str:
    """The command that lets somebody in; before that the gateway does not start."""
    return f"{tool} compose run --rm gateway keys add NAME"


def gateway_service(parts: Sequence[Part], person: Person, version: str) -> dict[str, Any]:
    ask = f"import urllib.request as web; web.urlopen('http://127.0.0.1:{PORT}/')"
    return hardened(person) | {
        "image": f"{GATEWAY}:{version}",
        "build": {"context": "./gateway"},
        "entrypoint": ["kanoa-mlops"],
        "command": ["gateway", "--config", _CONFIG, "--host", "0.0.0.0", "--port", str(PORT)],
        "environment": {
            "HOME": "/tmp",
            "KANOA_MLOPS_STATE_DIR": _STATE_DIR,
            "KANOA_MLOPS_DRAIN": str(DRAIN_SECONDS),
        },
        "networks": ["engines", "front"],
        "volumes": [
            shown("./gateway.yaml", _CONFIG),
            # Not a folder of the host: SQLite's locks do not hold through what Docker Desktop shares.
            {"type": "volume", "source": STATE, "target": _STATE_DIR},
        ],
        "secrets": [part.key_name for part in parts],
        "stop_grace_period": f"{DRAIN_SECONDS + 5}s",
        "healthcheck": health(["python3", "-c", ask], start_seconds=60),
    }


def gateway_document(parts: Iterable[Part]) -> dict[str, Any]:
    """What the gateway reads."""
    return {
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


def dockerfile(version: str, person: Person) -> str:
    """Of the gateway's image."""
    uid, _, gid = person.user.partition(":")
    return f"""\
FROM docker.io/library/python:3.11-slim-bookworm
RUN pip install --no-cache-dir "kanoa-mlops[figures]=={version}"
# A volume that is new belongs to whom the folder of the image does.
RUN install --directory --owner={uid} --group={gid} --mode=700 {_STATE_DIR}
ENTRYPOINT ["kanoa-mlops"]
"""
