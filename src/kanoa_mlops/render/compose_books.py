"""Where the gateways of a Compose file keep their books: a volume of the one, or a Postgres of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kanoa_mlops.render.compose_service import Person, hardened, health

STATE_DIR = "/var/lib/kanoa-mlops"
POSTGRES = (
    "docker.io/library/postgres:18.6-trixie"
    "@sha256:86c951e05bf56c93d95d397747fb8820ac76cc3bedb78f43abd83eedbe3666ae"
)
"""For all machines it is built for: docker-library/repo-info, repos/postgres/remote/18.6-trixie.md, read
2026-11-28."""
PASSWORD = "postgres-password"
"""The secret, and its file's name."""
_SERVICE = "postgres"
_USER = "kanoa"
_NETWORK = "books"
_SECRET = f"/run/secrets/{PASSWORD}"


@dataclass(frozen=True)
class Books:
    """What a gateway is given to find them."""

    volume: str
    """Holds them, and outlives everything else."""
    environment: Mapping[str, str]
    mounts: Sequence[Mapping[str, str]] = ()
    networks: Sequence[str] = ()
    secrets: Sequence[str] = ()
    depends_on: Mapping[str, Any] = field(default_factory=dict)

    def services(self, person: Person) -> dict[str, Any]:
        """That keep them, by name."""
        return {name: _postgres(person, self.volume) for name in self.depends_on}


def books_of(replicas: int) -> Books:
    """
    Args:
        replicas: gateways.
    """
    return _SHARED if replicas > 1 else _ALONE


_ALONE = Books(
    volume="state",
    environment={"KANOA_MLOPS_STATE_DIR": STATE_DIR},
    # Not a folder of the host: SQLite's locks do not hold through what Docker Desktop shares.
    mounts=[{"type": "volume", "source": "state", "target": STATE_DIR}],
)
_SHARED = Books(
    volume="postgres",
    environment={
        "KANOA_MLOPS_BOOKS": f"postgresql://{_USER}@{_SERVICE}:5432/{_USER}",
        "KANOA_MLOPS_BOOKS_PASSWORD_FILE": _SECRET,
    },
    networks=[_NETWORK],
    secrets=[PASSWORD],
    depends_on={_SERVICE: {"condition": "service_healthy"}},
)


def _postgres(person: Person, volume: str) -> dict[str, Any]:
    service = hardened(person)
    return service | {
        "image": POSTGRES,
        # Made ready by a process of its own: the image's usual way leaves the password in the server's
        # environment. Both are the image's, of which the first does nothing where there is a database.
        "entrypoint": ["sh", "-c"],
        "command": ["docker-ensure-initdb.sh postgres && exec postgres"],
        "environment": {
            "POSTGRES_USER": _USER,
            "POSTGRES_PASSWORD_FILE": _SECRET,
            # Sorted by bytes: the order of a language is the C library's, and a newer image would find the
            # volume's indexes in another.
            "POSTGRES_INITDB_ARGS": "--encoding=UTF8 --locale=C",
        },
        "tmpfs": [*service["tmpfs"], "/var/run/postgresql:rw,noexec,nosuid,nodev,mode=1777,size=1m"],
        "networks": [_NETWORK],
        "volumes": [{"type": "volume", "source": volume, "target": "/var/lib/postgresql"}],
        "secrets": [PASSWORD],
        "stop_grace_period": "60s",
        # By TCP, where it listens only once it is ready for good; what a crash left to be done may take long.
        "healthcheck": health(["pg_isready", "--host=127.0.0.1", f"--username={_USER}"], start_seconds=300)
        | {"interval": "2s"},
    }
