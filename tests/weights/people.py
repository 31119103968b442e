"""Several people on one machine. Who is no superuser can only be one of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOMEBODY = 65534 if os.geteuid() == 0 else os.geteuid()
"""An account without rights of its own."""


@contextmanager
def as_somebody() -> Iterator[None]:
    """What happens within is done by that account."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(SOMEBODY)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody reaches, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="kanoa-mlops-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
