"""What the daemon answers, read at the door. Fields that nobody here needs are left out."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

_BLOB = re.compile(r"^FROM .*sha256[-:]([0-9a-f]{64})", re.MULTILINE)
_OURS = re.compile(r"^(registry\.ollama\.ai/)?(library/)?", re.IGNORECASE)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Version(_Answer):
    version: str


class Tag(_Answer):
    """A model on disk."""

    name: str
    size: int
    """Bytes of all its layers."""
    digest: str


class Tags(_Answer):
    models: tuple[Tag, ...] | None = None


class Running(_Answer):
    """A model in memory."""

    name: str
    size: int
    """Bytes in all."""
    size_vram: int = 0
    """Of those, bytes held by graphics processors."""
    context_length: int | None = None
    """Tokens; versions before 0.10 do not say."""


class RunningModels(_Answer):
    models: tuple[Running, ...] | None = None


class Shown(_Answer):
    """A model as `ollama show` has it."""

    modelfile: str = ""
    parameters: str = ""
    """One a line: name, spaces, value; in any order."""

    @property
    def numbers(self) -> dict[str, float]:
        """The parameters that are numbers."""
        lines = (line.split(maxsplit=1) for line in self.parameters.splitlines())
        return {
            line[0]: value for line in lines if len(line) == 2 and (value := _number(line[1])) is not None
        }

    @property
    def blobs(self) -> frozenset[str]:
        """Checksums of the files of weights it is made of."""
        return frozenset(_BLOB.findall(self.modelfile))


class Status(_Answer):
    """One line of a long answer."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""


def same_name(one: str, other: str) -> bool:
    """Whether Ollama takes both for the same model."""
    return _whole(one) == _whole(other)


def _whole(name: str) -> str:
    bare = _OURS.sub("", name).lower()
    return bare if ":" in bare.rpartition("/")[2] else f"{bare}:latest"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
