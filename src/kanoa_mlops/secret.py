"""A key, and the file that holds it and nothing else. It is never shown, nor said in an error."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

_SENDABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Secret:
    text: str = field(default="", repr=False)
    why: str = ""
    """It cannot be had; '' where it can."""
    hint: str = ""


def read_secret(path: Path, what: str) -> Secret:
    """
    Args:
        what: it holds, as `checked` says it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            state = os.fstat(file.fileno())
            # Kubernetes mounts a secret as root's and lets its group read it, as nobody else then could.
            others = stat.S_IRWXO | (stat.S_IRWXG if state.st_uid == os.getuid() else 0)
            if state.st_mode & others:
                return Secret(why=f"others can read {path}.", hint=f"Run `chmod 600 {path}`.")
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        return Secret(why=f"{path} cannot be read: {reason}.")
    if not text:
        return Secret(why=f"{path} is empty.", hint="It holds the key, and nothing else.")
    return checked(text, what)


def checked(text: str, what: str) -> Secret:
    """
    Args:
        what: was looked at: 'what KEY holds'.
    """
    if not _SENDABLE.fullmatch(text):
        return Secret(why=f"{what} is no key: it has spaces, line ends or other letters.")
    return Secret(text)
