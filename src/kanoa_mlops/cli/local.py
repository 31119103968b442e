"""What a command is about: a machine, here or in the catalog, and a model, in the catalog or not."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.query import find_model, find_platform, known_accelerator, known_link
from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.engines.usual import with_usual_software
from kanoa_mlops.errors import UnknownModel
from kanoa_mlops.settings import Settings

_PATIENCE_SECONDS = 20.0
"""For what is installed to answer: on a busy machine slow is not the same as absent."""


def local_machine(catalog: Catalog) -> Machine:
    """This machine, with what the catalog knows of its cards."""
    # A plan for a machine of the catalog does without the probes.
    from kanoa_mlops.hardware.machine import probe_machine

    return probe_machine(
        known=lambda name: known_accelerator(catalog, name),
        known_link=lambda kind, generation: known_link(catalog, kind, generation),
    )


def named_machine(catalog: Catalog, name: str | None) -> Machine:
    """
    Raises:
        UnknownPlatform: with the nearest names.
    """
    return local_machine(catalog) if name is None else machine_of(find_platform(catalog, name))


def find_or_read(name: str, catalog: Catalog, settings: Settings) -> Model:
    """A model of the catalog; else one described by a file here or by the hub.

    Raises:
        UnknownModel: with the nearest names.
        UnknownArchitecture: it cannot be planned for, and why.
    """
    try:
        return find_model(catalog, name)
    except UnknownModel:
        # Drags in the network; a plan for a model of the catalog does without.
        from kanoa_mlops.weights.foreign import is_foreign, open_model

        if not is_foreign(name):
            raise
        return open_model(name, settings, quantizations=catalog.quantizations)


def equipped_machine(catalog: Catalog, settings: Settings, platform: str | None = None) -> Machine:
    """This machine with what is installed on it to run engines; or one of the catalog with what is usual.

    Raises:
        UnknownPlatform: with the nearest names.
    """
    if platform:
        return with_usual_software(machine_of(find_platform(catalog, platform)))
    from kanoa_mlops.hardware.host import Host
    from kanoa_mlops.hardware.machine import probe_machine
    from kanoa_mlops.hardware.patience import Patience

    return probe_machine(
        Host(patience=Patience(_PATIENCE_SECONDS)),
        known=lambda name: known_accelerator(catalog, name),
        known_link=lambda kind, generation: known_link(catalog, kind, generation),
        disk=settings.cache_dir,
        software=True,
        ollama=settings.ollama_url,
        vllm=settings.vllm_python,
        wheel=Path(sys.executable) if find_spec("xllamacpp") else None,
    )
