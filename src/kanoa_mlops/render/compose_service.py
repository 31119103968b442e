"""What the services of a Compose file have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.catalog.types import Model
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.planner.plan import Plan

PORT = 8000
"""Of gateway and Traefik, each in its container."""
DRAIN_SECONDS = 60
"""What answers under way get when a part is stopped; whoever stands before a part waits longer."""


@dataclass(frozen=True)
class Part:
    """One engine to be."""

    model: Model
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


def hardened(person: Person) -> dict[str, Any]:
    """The image as it was made, without any right of the administrator."""
    service: dict[str, Any] = {
        "user": person.user,
        "read_only": True,
        "tmpfs": ["/tmp:rw,exec,nosuid,nodev,mode=1777,size=4g"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", "label:disable"],
        "pids_limit": 4096,
        # A question that is lost while another part comes or goes is usually asked again after 5 s: by then
        # whoever wanted to connect has given up.
        "dns_opt": ["timeout:1", "attempts:5"],
        "restart": "unless-stopped",
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
    }
    return service | ({"userns_mode": person.user_namespace} if person.user_namespace else {})


def shown(source: str, target: str) -> dict[str, Any]:
    """A file of the folder, to be read."""
    return {"type": "bind", "source": source, "target": target, "read_only": True}


def health(command: Sequence[str], start_seconds: int) -> dict[str, Any]:
    return {
        "test": ["CMD", *command],
        "interval": "10s",
        "timeout": "5s",
        "retries": 3,
        "start_period": f"{start_seconds}s",
    }
