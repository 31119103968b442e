"""What Docker and Podman say when they do not do as asked, and what helps."""

from __future__ import annotations

import re

from kanoa_mlops.errors import (
    AccessRefused,
    DiskFull,
    Failure,
    KanoaError,
    MissingExtra,
    SourceFailed,
    UserError,
)
from kanoa_mlops.runtime.containers.box import Tool

_Row = tuple[str, type[KanoaError], str, str]
# The first that matches wins, so the specific ones come first.
_ROWS: tuple[_Row, ...] = (
    (
        r"permission denied while trying to connect|docker\.sock: connect: permission denied",
        UserError,
        "This user may not use Docker",
        "Join its group (sudo usermod -aG docker $USER, then log in again), or install Podman, "
        "which needs none.",
    ),
    (
        r"[Cc]annot connect to the Docker daemon|failed to connect to the docker API|docker daemon running",
        UserError,
        "Docker's daemon does not run",
        "Start it: sudo systemctl start docker",
    ),
    (
        r"insufficient UIDs or GIDs|newuidmap|no subuid ranges",
        UserError,
        "Podman has no numbers for the users in a container",
        "Give it some: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER, "
        "then podman system migrate",
    ),
    (
        r"no space left on device|disk quota exceeded",
        DiskFull,
        "There is no room for {reference}",
        "Make some: {tool} image prune --all removes every image that no container uses.",
    ),
    (
        r"no (matching manifest|image found in .*manifest list|image found in image index)",
        Failure,
        "{reference} is not made for this processor",
        "`kanoa-mlops doctor` shows other ways to run a model here.",
    ),
    (
        r"toomanyrequests|rate limit",
        SourceFailed,
        "{registry} has given this address as much as it gives in a while",
        "Wait an hour, or log in: {tool} login {registry}",
    ),
    (
        r"manifest unknown|name unknown|manifest for .* not found|failed to resolve .*not found",
        SourceFailed,
        "{registry} has no {reference}",
        "Its makers may have taken it away; a newer kanoa-mlops names another.",
    ),
    (
        r"pull access denied|unauthorized|authentication required|denied: |requested access .* denied",
        AccessRefused,
        "{registry} does not give {reference} to this user",
        "Log in if you have an account there: {tool} login {registry}",
    ),
    (
        r"x509|certificate|TLS handshake timeout|first record does not look like a TLS handshake",
        SourceFailed,
        "{registry} could not be reached by a trusted connection",
        "A proxy may be in between: look at the clock of this machine and at its certificates.",
    ),
    (
        r"no such host|name resolution|dial tcp|i/o timeout|connection (refused|reset)|network is unreachable"
        r"|Client\.Timeout|unexpected EOF",
        SourceFailed,
        "{registry} could not be reached",
        "Look at the network, then run the command again: layers that have come are kept. "
        "Without one, carry the image over: {tool} save and {tool} load.",
    ),
)


def not_installed(tool: Tool) -> MissingExtra:
    return MissingExtra(f"{tool} is not installed.", hint="`kanoa-mlops doctor` shows what can be used here.")


def refusal(tool: Tool, reference: str, said: str) -> KanoaError:
    """The error for what a tool wrote when it could not do with an image as asked."""
    registry = reference.partition("/")[0]
    words = {"tool": tool, "reference": reference, "registry": registry}
    for pattern, kind, message, hint in _ROWS:
        if re.search(pattern, said):
            return kind(f"{message.format(**words)}.", hint=f"{hint.format(**words)}\n{_last_line(said)}")
    return Failure(f"{tool} did not give {reference}.", hint=_last_line(said))


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"It said: {lines[-1]}" if lines else "It did not say why."
