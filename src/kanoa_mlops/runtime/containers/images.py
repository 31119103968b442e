"""An engine's image: whether it is here, and fetching it."""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Callable

from kanoa_mlops.errors import OfflineError
from kanoa_mlops.runtime.containers.box import Tool
from kanoa_mlops.runtime.containers.refusals import not_installed, refusal

_ASK_SECONDS = 30.0
_KEPT_LINES = 20
_ABSENT = re.compile(r"no such image|image not known", re.IGNORECASE)


def require_image(tool: Tool, reference: str, tell: Callable[[str], None], *, offline: bool = False) -> None:
    """Have the image here; the network is asked only where it is not.

    Args:
        tell: is given how far it is, in words: '3 of 7 layers'.

    Raises:
        OfflineError: it is not here, and may not be fetched.
        KanoaError: it could not be had; see `refusals.py`.
    """
    if has_image(tool, reference):
        return
    if offline:
        raise OfflineError(
            f"The image {reference} is not on this machine, and nothing is to be fetched.",
            hint=f"With a network: {tool} pull {reference}\n"
            f"Without one, carry it over: {tool} save there, {tool} load here.",
        )
    tell("asking for it")
    pull_image(tool, reference, tell)


def has_image(tool: Tool, reference: str) -> bool:
    """
    Raises:
        KanoaError: the tool does not answer.
    """
    try:
        asked = subprocess.run(
            (tool, "image", "inspect", "--format", "{{.Id}}", reference),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
        )
    except FileNotFoundError as error:
        raise not_installed(tool) from error
    except subprocess.TimeoutExpired as error:
        raise refusal(tool, reference, f"nothing within {_ASK_SECONDS:.0f} s") from error
    if asked.returncode and not _ABSENT.search(asked.stderr):
        raise refusal(tool, reference, asked.stderr)
    return asked.returncode == 0


def pull_image(tool: Tool, reference: str, tell: Callable[[str], None]) -> None:
    """Fetch it. When cut short, layers that are whole are not fetched again.

    Raises:
        KanoaError: it could not be had; see `refusals.py`.
    """
    try:
        process = subprocess.Popen(
            (tool, "pull", reference),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise not_installed(tool) from error
    layers, kept = Layers(), deque[str](maxlen=_KEPT_LINES)
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kept.append(line)
                if far := layers.hear(line):
                    tell(far)
        except BaseException:
            process.terminate()  # the person has had enough; the tool tidies up
            raise
    if process.returncode:
        raise refusal(tool, reference, "".join(kept))


class Layers:
    """How much of an image has come, by the lines of either tool; neither tells bytes to a pipe."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._here: set[str] = set()

    def hear(self, line: str) -> str:
        """In words; '' where the line says nothing about it."""
        # Docker: each layer by name, with what becomes of it.
        if match := re.match(r"([0-9a-f]{12}): (.+)", line):
            layer, state = match.groups()
            self._known.add(layer)
            if state.strip() in ("Pull complete", "Already exists"):
                self._here.add(layer)
            return f"{len(self._here)} of {len(self._known)} layers"
        # Podman: each as it begins.
        if match := re.match(r"Copying blob (\S+)", line):
            self._known.add(match[1])
            return f"layer {len(self._known)}"
        return "the last step" if re.match(r"Copying config|Digest: ", line) else ""
