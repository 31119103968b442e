"""All that a probe may ask: files, commands, and what Python says of the system."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

from kanoa_mlops.hardware.command import Commands
from kanoa_mlops.hardware.patience import Patience
from kanoa_mlops.hardware.root import Root


@dataclass(frozen=True)
class Host:
    """This machine, or a recorded one."""

    system: str = field(default_factory=platform.system)
    architecture: str = field(default_factory=platform.machine)
    root: Root = field(default_factory=Root)
    commands: Commands = field(default_factory=Commands)
    patience: Patience = field(default_factory=Patience)
    """Shared by all probes; it runs out for all at once."""
