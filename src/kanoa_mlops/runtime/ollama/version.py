"""Whether this daemon is one that can run a model."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Support
from kanoa_mlops.catalog.version import is_known, numbers
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
    if not is_known(version):
        return  # built by somebody from source; it does not know its own version
    here = numbers(version)
    if support.since and here < numbers(support.since):
        raise UserError(
            f"Ollama {version} is too old for {model}, which needs {support.since} or newer.", hint=_UPDATE
        )
    if support.until and here > numbers(support.until):
        raise UserError(
            f"Ollama {version} no longer runs {model}; {support.until} was the last that did.",
            hint=f"{support.quirk} Use another engine (--engine), or Ollama {support.until} in a container "
            "(--via docker or podman).".strip(),
        )
