"""A model of our own in the daemon: the weights of another one, with the plan's numbers.

The OpenAI route takes no context length, so the model that is asked for must carry it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.engines.ollama import derived_family
from kanoa_mlops.runtime.ollama.answers import Shown
from kanoa_mlops.runtime.ollama.client import OllamaClient


@dataclass(frozen=True)
class GgufFile:
    """A verified file of ours, the model's or a vision projector's."""

    path: Path
    sha256: str


Origin = str | tuple[GgufFile, ...]
"""A tag in the daemon's store, or files that are copied into it."""


async def derive(
    client: OllamaClient, name: str, origin: Origin, parameters: Mapping[str, int | float]
) -> bool:
    """Make the model, unless it is there as wanted. Whether it was made."""
    shown = await client.show(name)
    if shown and _carries(shown, parameters) and shown.blobs >= await _blobs(client, origin):
        return False
    if isinstance(origin, str):
        await client.create(name, parameters, base=origin)
        return True
    for file in origin:
        if not await client.has_blob(_digest(file)):
            await client.upload(file.path, _digest(file))
    await client.create(name, parameters, files={file.path.name: _digest(file) for file in origin})
    return True


async def forget(client: OllamaClient, model: str) -> tuple[str, ...]:
    """Delete all that was derived for a model, whatever the plan. The names; weights of a tag stay."""
    ours = [tag.name for tag in await client.tags() if tag.name.startswith(f"{derived_family(model)}:")]
    for name in ours:
        await client.delete(name)
    return tuple(ours)


def _carries(shown: Shown, parameters: Mapping[str, int | float]) -> bool:
    return all(shown.numbers.get(name) == value for name, value in parameters.items())


async def _blobs(client: OllamaClient, origin: Origin) -> frozenset[str]:
    """What it is to be made of. A tag may have been pulled anew since; one that was removed does no harm."""
    if not isinstance(origin, str):
        return frozenset(file.sha256 for file in origin)
    base = await client.show(origin)
    return base.blobs if base else frozenset()


def _digest(file: GgufFile) -> str:
    return f"sha256:{file.sha256}"
