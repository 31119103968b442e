"""How the folders of `grounding.yaml` fare that a gateway follows: a file for each, for who asks."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from kanoa_mlops.runtime.identity import Identity
from kanoa_mlops.settings import Settings


@dataclass(frozen=True)
class Followed:
    """One folder. Losing the file costs a line of `ground status` and nothing else."""

    gateway: Identity
    """Who follows it."""
    watched: bool
    """Again and again; else it is mirrored once, as the gateway begins."""
    looked_at: float = 0.0
    """Unix time; 0 before the first look."""
    problem: str = ""
    """Why it is not as its folder is."""
    embedding: str = ""
    """Why what is new has no vectors."""


def read_followed(settings: Settings, name: str) -> Followed | None:
    """None where no gateway that lives follows it."""
    try:
        known = json.loads(_file(settings, name).read_text(encoding="utf-8"))
        followed = Followed(**{**known, "gateway": Identity(**known["gateway"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return followed if followed.gateway.alive else None


def write_followed(settings: Settings, name: str, followed: Followed) -> None:
    """Whole or not at all."""
    file = _file(settings, name)
    fresh = file.with_name(f"{file.name}.{followed.gateway.pid}")
    fresh.write_text(json.dumps(asdict(followed)), encoding="utf-8")
    fresh.replace(file)


def forget_followed(settings: Settings, name: str, gateway: Identity) -> None:
    """Unless another gateway follows it by now."""
    followed = read_followed(settings, name)
    if followed is not None and followed.gateway == gateway:
        with suppress(OSError):
            _file(settings, name).unlink()


def _file(settings: Settings, name: str) -> Path:
    return settings.grounding_dir / f"{name}.followed.json"
