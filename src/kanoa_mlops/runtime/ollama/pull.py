"""A tag of Ollama's library, fetched by the daemon and watched by us."""

from __future__ import annotations

from contextlib import aclosing
from typing import Protocol

from kanoa_mlops.errors import OfflineError, OllamaAbsent, OllamaRefused
from kanoa_mlops.runtime.ollama.answers import Status, same_name
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.words import cut, pull_failure

_WORTH_A_BAR = 2**20
"""Bytes. The licence and the template of a model are layers too."""


class PullWatch(Protocol):
    """Who is told. The bars that other downloads are drawn with will do."""

    def start(self, what: str, total_bytes: int, already: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def note(self, message: str) -> None: ...

    def finish(self) -> None: ...


async def pull(client: OllamaClient, tag: str, watch: PullWatch, *, offline: bool = False) -> None:
    """Have the daemon fetch a tag where it is missing. One that is there is not asked for again.

    Cut by the network it goes on by itself for as long as bytes come; called again it goes on too.

    Raises:
        OfflineError: it is missing and the network is forbidden.
        DiskFull: as the daemon says it.
        SourceFailed: unknown tag, library out of reach, or cut.
        UserError: the daemon is too old for it.
        OllamaAbsent: no daemon.
    """
    if any(same_name(each.name, tag) for each in await client.tags()):
        return
    if offline:
        raise OfflineError(
            f"{tag} is not in Ollama's store, and the network is switched off (offline).",
            hint=f"Run `ollama pull {tag}` once while online.",
        )
    layers = _Layers(tag, watch)
    while not await _attempt(client, tag, layers):
        watch.note(f"Fetching {tag} was cut; going on.")


async def _attempt(client: OllamaClient, tag: str, layers: _Layers) -> bool:
    """False where it was cut after some bytes."""
    before = layers.fetched
    why = "the daemon fell silent."
    try:
        async with aclosing(client.pull(tag)) as statuses:
            async for status in statuses:
                layers.see(status)
                if status.status == "success":
                    return True
    except OllamaRefused as refusal:
        # The daemon has tried again already, many times.
        raise pull_failure(refusal, tag) from refusal
    except OllamaAbsent as absence:
        if layers.fetched == before:
            raise
        why = absence.message
    if layers.fetched == before:
        raise cut(tag, why)
    return False


class _Layers:
    """The layers of a tag as their bytes come in. They may come side by side."""

    def __init__(self, tag: str, watch: PullWatch) -> None:
        self._tag = tag
        self._watch = watch
        self._completed: dict[str, int] = {}
        self._shown = ""
        self.fetched = 0

    def see(self, status: Status) -> None:
        if status.total < _WORTH_A_BAR:
            return
        before = self._completed.get(status.digest, 0)
        came = status.completed - before
        if status.digest != self._shown or came < 0:
            # The daemon takes back what it has to fetch again.
            self._shown = status.digest
            self._watch.start(f"{self._tag} {_short(status.digest)}", status.total, status.completed)
        elif came:
            self._watch.advance(came)
        self._completed[status.digest] = status.completed
        self.fetched += max(0, came)
        if status.completed >= status.total > before:
            self._watch.finish()


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
