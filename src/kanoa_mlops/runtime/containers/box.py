"""Whose container it is, and by which tool: known before it runs, and found again by labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Tool = Literal["docker", "podman"]
PREFIX = "org.kanoa.mlops"
"""Of every label of ours."""


@dataclass(frozen=True)
class Box:
    """The container that one engine of a server runs in, life after life."""

    tool: Tool
    server: int
    """The port that its server answers on."""
    model: str

    @property
    def name(self) -> str:
        """The same in every life, so that one which was left over is met at the next start."""
        return f"kanoa-mlops-{self.server}-{re.sub(r'[^a-zA-Z0-9_.-]', '-', self.model)}"

    def labels(self, port: int, owner: int) -> dict[str, str]:
        """
        Args:
            port: of loopback, that this life answers on.
            owner: the number of the user who serves; a daemon runs the containers of all.
        """
        told = {"owner": owner, "server": self.server, "model": self.model, "port": port}
        return {f"{PREFIX}.{name}": str(value) for name, value in told.items()}

    def remove_argv(self) -> tuple[str, ...]:
        """Ends and removes it. That it is not there is no error."""
        # Whoever asks has already waited for it to end by itself.
        at_once = ("--ignore", "--time", "0") if self.tool == "podman" else ()
        return (self.tool, "rm", "--force", "--volumes", *at_once, self.name)
