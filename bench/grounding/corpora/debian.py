"""Packages of Debian, taken apart without being installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    tree: Path
    version: str


def has_debian() -> bool:
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


@contextmanager
def taken_apart(name: str) -> Iterator[Package]:
    """For as long as it is looked at.

    Raises:
        subprocess.CalledProcessError: apt could not get it; its words are on the terminal.
    """
    with tempfile.TemporaryDirectory(prefix="kanoa-debian-") as given:
        folder = Path(given)
        # As root, apt drops its rights and then may not write here; it says so and goes on.
        subprocess.run(
            ["apt-get", "download", "-qq", name], cwd=folder, check=True, stderr=subprocess.DEVNULL
        )
        package = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "--extract", package, folder / "tree"], check=True)
        yield Package(folder / "tree", package.name.split("_")[1])
