"""What the owner allows beyond the LAN: of servers in the file of `burst allow`, of a gateway in its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.gateway.burst.allowed import BurstConfig
from kanoa_mlops.gateway.burst.read import read_allowed
from kanoa_mlops.gateway.config import read_config
from kanoa_mlops.settings import Settings


@dataclass(frozen=True)
class SpentAt:
    config: BurstConfig
    taken: Collection[str] = ()
    """Ids of backends that are listed there too."""


def spent_at(settings: Settings, gateway_file: Path | None) -> SpentAt:
    """
    Raises:
        SettingsError: the file is not understood; names the line.
    """
    if gateway_file is None:
        return SpentAt(read_allowed(settings.burst_file))
    config = read_config(gateway_file)
    return SpentAt(config.burst or BurstConfig(), [each.id for each in config.backends])
