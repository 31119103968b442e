"""Where an engine is put on a machine: its port, its key, and the files it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kanoa_mlops.engines.container import WEIGHTS, Mount


@dataclass(frozen=True)
class WeightFiles:
    """A folder of verified files, the model's first, a vision projector's last."""

    folder: Path
    names: tuple[str, ...]
    links: Mapping[str, Path] = field(default_factory=dict)
    """Those that only point to a file kept elsewhere, and where that is."""

    @property
    def first(self) -> Path:
        return self.folder / self.names[0]

    @property
    def last(self) -> Path:
        return self.folder / self.names[-1]

    def mounts(self) -> tuple[Mount, ...]:
        """The folder as a container sees it. A link leads out of it, so then each file comes by itself."""
        if not self.links:
            return (Mount(self.folder, WEIGHTS),)
        return tuple(
            Mount(self.links.get(name, self.folder / name), f"{WEIGHTS}/{name}") for name in self.names
        )

    def inside(self) -> WeightFiles:
        """The same by their places in a container."""
        return WeightFiles(Path(WEIGHTS), self.names)


@dataclass(frozen=True)
class Site:
    port: int
    """Of loopback, that the engine answers on."""
    key_file: Path
    store: Path
    """A folder an engine may write to and finds again: kernels it compiled, models it pulled itself."""
