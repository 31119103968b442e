"""Every way a model is started, as text: what a person sees of `serve --dry-run`.

    python -m tests.engines.launches

writes launches.txt afresh, to be read before it is committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kanoa_mlops
from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model, Platform
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.cli.dry import Start, start_of
from kanoa_mlops.engines.usual import with_usual_software
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.containers.host import Host, User
from kanoa_mlops.settings import load_settings

WRITTEN = Path(__file__).with_name("launches.txt")
_PLATFORMS = (
    "rtx-5080-egpu",
    "rtx-4090",
    "gcp-l4",
    "gcp-h100",
    "two-rtx-4090",
    "mi300x",
    "jetson-orin-64",
    "jetson-thor-128",
    "mac-m4-max-128",
    "cpu-32",
)
_MODELS = ("gemma-3-12b-it", "gpt-oss-20b")
_PACKAGE = Path(kanoa_mlops.__file__).parent
_SETTINGS = load_settings({"KANOA_MLOPS_CACHE_DIR": "/cache", "KANOA_MLOPS_STATE_DIR": "/state"})
_HOST = Host(User(1000, 1000), rootless=False)


def start(model: Model, platform: Platform, wish: Wish, catalog: Catalog) -> Start:
    machine = with_usual_software(machine_of(platform))
    return start_of(model, choose(model, machine, wish, catalog), _SETTINGS, 8000, _HOST)


def fitting(catalog: Catalog) -> Iterator[tuple[Model, Platform, Wish]]:
    """Each model on each platform by each engine, wherever the planner says that it fits."""
    for platform in catalog.platforms.values():
        if platform.host is None:
            continue
        machine = machine_of(platform)
        for model in catalog.models.values():
            for engine in catalog.engines.values():
                wish = Wish(engine=engine.id)
                try:
                    fits = plan(model, machine, wish, catalog).fits
                except DoesNotFit:
                    continue
                if fits:
                    yield model, platform, wish


def text(catalog: Catalog) -> str:
    lines: list[str] = []
    for model, platform, wish in fitting(catalog):
        if model.id in _MODELS and platform.id in _PLATFORMS:
            lines.append(f"## {model.id} on {platform.id} by {wish.engine}")
            lines.extend(start(model, platform, wish, catalog).text())
            lines.append("")
    # Wherever this is installed.
    return "\n".join(lines).replace(str(_PACKAGE), "/package")


if __name__ == "__main__":
    WRITTEN.write_text(text(load_catalog()), encoding="utf-8")
