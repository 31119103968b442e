"""What an Ollama daemon keeps of a model: tags of its library, and what was derived for us."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.progress import Bars
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.ollama import derived_family
from kanoa_mlops.errors import OllamaAbsent, OllamaRefused
from kanoa_mlops.settings import Settings
from kanoa_mlops.units import format_bytes


def fetch_tag(screen: Screen, settings: Settings, tag: str) -> None:
    """Have the daemon fetch it, with the bars of every other pull.

    Raises:
        OllamaAbsent: no daemon answers.
        KanoaError: as `runtime.ollama.pull.pull` does.
    """
    with Bars(screen) as bars:
        asyncio.run(_fetch(settings, tag, bars))


def forget(settings: Settings, model: Model) -> Iterator[str]:
    """Have the daemon delete what was derived for a model. Lines that tell of it; none without a daemon."""
    if "ollama" in model.engines:
        try:
            yield from asyncio.run(_forget(settings, model))
        except OllamaAbsent:
            return
        except OllamaRefused as refusal:
            yield f"warning: Ollama did not forget {model.id}: {refusal.message}"


async def _fetch(settings: Settings, tag: str, bars: Bars) -> None:
    # Drags in aiohttp; a pull from elsewhere does without.
    from kanoa_mlops.runtime.ollama.client import OllamaClient
    from kanoa_mlops.runtime.ollama.pull import pull

    async with OllamaClient(settings.ollama_url) as client:
        await pull(client, tag, bars, offline=settings.offline)


async def _forget(settings: Settings, model: Model) -> list[str]:
    from kanoa_mlops.runtime.ollama.answers import same_name
    from kanoa_mlops.runtime.ollama.client import OllamaClient
    from kanoa_mlops.runtime.ollama.derive import forget as forget_derived

    async with OllamaClient(settings.ollama_url) as client:
        loaded = [each.name for each in await client.running()]
        if ours := [name for name in loaded if name.startswith(f"{derived_family(model.id)}:")]:
            # Another account's server may share the daemon.
            return [f"Ollama keeps {', '.join(ours)}: it is loaded."]
        lines = [f"Ollama forgot {name}." for name in await forget_derived(client, model.id)]
        tags = [weights.tag for weights in model.weights if weights.tag]
        lines += [
            f"Ollama keeps {each.name}, which may be yours: `ollama rm {each.name}` frees "
            f"{format_bytes(each.size)}."
            for each in await client.tags()
            if any(same_name(each.name, tag) for tag in tags)
        ]
        return lines
