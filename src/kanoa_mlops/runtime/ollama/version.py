"""Whether this daemon is one that can run a model."""

from __future__ import annotations

import re

from kanoa_mlops.catalog.types import Support
from kanoa_mlops.errors import UserError

_UPDATE = (
    "The app on macOS and Windows updates itself when restarted; on Linux run the install script again "
    "(https://ollama.com/download/linux) and restart the service."
)


def require_version(version: str, support: Support, model: str) -> None:
    """
    Raises:
        UserError: older than the model needs, or newer than the last that ran it.
    """
    here = _numbers(version)
    if not any(here):
        return  # built by somebody from source; it does not know its own version
    if support.since and here < _numbers(support.since):
        raise UserError(
            f"Ollama {version} is too old for {model}, which needs {support.since} or newer.", hint=_UPDATE
        )
    if support.until and here > _numbers(support.until):
        raise UserError(
            f"Ollama {version} no longer runs {model}; {support.until} was the last that did.",
            hint=f"{support.quirk} Use another engine (--engine), or Ollama {support.until} in a container "
            "(--via docker or podman).".strip(),
        )


def _numbers(version: str) -> tuple[int, ...]:
    """'0.30.0-rc1' to (0, 30, 0)."""
    found = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    return tuple(int(each or 0) for each in found.groups()) if found else ()
