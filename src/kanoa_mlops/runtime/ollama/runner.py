"""Keeps one model loaded in a daemon that runs already, as planned, and tells where it is not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from kanoa_mlops.engines.ollama import ollama_parameters
from kanoa_mlops.errors import EngineDied, KanoaError, OllamaRefused
from kanoa_mlops.runtime.ollama.answers import Running, same_name
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.derive import derive
from kanoa_mlops.runtime.ollama.held import find_held, shortfalls
from kanoa_mlops.runtime.ollama.pull import pull
from kanoa_mlops.runtime.ollama.telling import Telling
from kanoa_mlops.runtime.ollama.version import require_version
from kanoa_mlops.runtime.ollama.words import load_failure
from kanoa_mlops.runtime.state import EngineRecord

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
_STEADY_SECONDS = 60.0
"""A model that stayed so long is loaded again at once; one that did not, somebody else wants out."""
_GOODBYE_SECONDS = 10.0
_OLLAMAS_OWN = "5m"
"""What it keeps a model for where nobody says."""


class OllamaRunner:
    """One model in one daemon, for as long as `run` is awaited. The daemon takes no key.

    Args:
        url: where the daemon answers.
        record: how it begins; every change of it is told through `on_change`.
        offline: a tag that is missing is not fetched.
    """

    def __init__(
        self,
        url: str,
        charge: Charge,
        record: EngineRecord,
        on_change: Callable[[EngineRecord], None],
        *,
        offline: bool = False,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._url = url
        self._charge = charge
        self._record = replace(record, url=url, upstream_model=charge.name)
        self._on_change = on_change
        self._offline = offline
        self._poll_seconds = poll_seconds
        self.ready = asyncio.Event()
        """Set once the model has been loaded for the first time."""

    async def run(self) -> None:
        """Until cancelled; the model is unloaded when this returns or raises, and the daemon left as it was.

        Raises:
            OllamaAbsent: there was no daemon from the start.
            UserError: the daemon's version does not run the model, or a tag is missing offline.
            SourceFailed, DiskFull: the tag could not be fetched.
            EngineDied: it could not be loaded; carries the daemon's words.
        """
        async with OllamaClient(self._url) as client:
            try:
                await self._keep(client)
            finally:
                with suppress(KanoaError, TimeoutError):
                    await asyncio.wait_for(self._leave(client), _GOODBYE_SECONDS)

    async def _keep(self, client: OllamaClient) -> None:
        pause = self._poll_seconds
        while True:
            began = time.monotonic()
            try:
                await self._load(client)
                began = time.monotonic()
                await self._watch(client)
                self._change(
                    state="loading", reason="somebody unloaded it; it is loaded again", used_bytes=None
                )
            except KanoaError as error:
                self._change(state="down", reason=error.message, used_bytes=None)
                if not self.ready.is_set():
                    raise
            steady = time.monotonic() - began > _STEADY_SECONDS
            pause = self._poll_seconds if steady else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _load(self, client: OllamaClient) -> None:
        plan, name, origin = self._charge.plan, self._charge.name, self._charge.origin
        version = await client.version()
        require_version(version, self._charge.support, plan.model)
        if self._record.state == "down":
            self._change(state="loading", reason="")
        self._change(version=version)
        if isinstance(origin, str):
            await pull(
                client, origin, Telling(lambda words: self._change(reason=words)), offline=self._offline
            )
        try:
            if await derive(client, name, origin, ollama_parameters(plan)):
                log.info("made %s in Ollama for %s", name, plan.model)
            await client.load(name, kind=plan.kind)
        except OllamaRefused as refusal:
            raise load_failure(refusal, plan.model) from refusal
        held = await self._held(client)
        if held is None:
            raise EngineDied(
                f"Ollama loaded {plan.model} and let it go at once.",
                hint="Another model may have needed the memory: `ollama ps` shows what is loaded.",
            )
        if self.ready.is_set():
            self._change(restarts=self._record.restarts + 1)
        self._judge(held)
        self.ready.set()

    async def _watch(self, client: OllamaClient) -> None:
        """Returns when the model is no longer in memory.

        Raises:
            OllamaAbsent: the daemon is gone.
        """
        while True:
            await asyncio.sleep(self._poll_seconds)
            held = await self._held(client)
            if held is None:
                return
            self._judge(held)

    async def _held(self, client: OllamaClient) -> Running | None:
        charge = self._charge
        return find_held(await client.running(), charge.name, charge.origin, charge.plan.context)

    def _judge(self, held: Running) -> None:
        """It answers; if it is not as planned, that is said."""
        reason = "; ".join(shortfalls(self._charge.plan, held))
        self._change(state="ready", reason=reason, used_bytes=held.size or None)

    async def _leave(self, client: OllamaClient) -> None:
        """Give back the memory that is ours. Weights that the person had loaded before stay loaded."""
        held = await self._held(client)
        if held is None:
            return
        if same_name(held.name, self._charge.name):
            await client.unload(held.name, kind=self._charge.plan.kind)
        else:
            await client.load(held.name, _OLLAMAS_OWN, kind=self._charge.plan.kind)

    def _change(self, **changes: object) -> None:
        record = replace(self._record, **changes)  # type: ignore[arg-type]
        if record == self._record:
            return
        news = (record.state, record.reason) != (self._record.state, self._record.reason)
        self._record = record
        self._on_change(record)
        if news:
            _log(record)


def _log(record: EngineRecord) -> None:
    worse = record.reason and record.state != "loading"
    words = f"{record.model} in Ollama is {record.state}" + (f": {record.reason}" if record.reason else "")
    log.log(logging.WARNING if worse else logging.INFO, "%s", words)
