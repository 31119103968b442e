"""An image with the real vLLM, under the name that the catalog pins for a processor.

Python and the system's libraries are in it; vLLM's environment is too large to copy, and is shown.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kanoa_mlops.catalog.types import Image
from tests.boxes import Podman, Rootfs, Store, image
from tests.vllm.environment import ENVIRONMENT, ROOT, vllm_python

_PROGRAMS = ("sh", "cat", "id", "touch", "lscpu")
"""Of the last vLLM asks which cores there are."""


def vllm_image(podman: Podman, store: Store, pinned: Image, version: str) -> str:
    """Made once a machine and kept; gives its name."""
    podman.show(ENVIRONMENT)
    wanted = (ROOT / "tests" / "vllm" / "requirements.txt").read_text()
    key = [sys.version, wanted, *_PROGRAMS, str(ENVIRONMENT)]
    # Its makers' entry point, which a command would be added to.
    entry = 'ENTRYPOINT ["vllm", "serve"]'
    return image(store, pinned.reference(version, version), key, _root(), entry, "WORKDIR /")


def _root() -> Iterator[Rootfs]:
    made = Rootfs()
    made.add_python()
    for name in _PROGRAMS:
        made.add(Path(shutil.which(name) or f"/bin/{name}").absolute(), f"/bin/{name}")
    linked = (ENVIRONMENT / "bin" / "python3").readlink()
    made.add(linked, str(linked))
    made.files["/bin/python3"] = f'#!/bin/sh\nexec {vllm_python()} "$@"\n'.encode()
    made.add_needs(ENVIRONMENT)
    yield made
