"""An Ollama of our own with one model in it, where none is running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from kanoa_mlops.runtime.engine import Engine
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.runner import POLL_SECONDS, OllamaRunner
from kanoa_mlops.runtime.state import EngineRecord

OnChange = Callable[[EngineRecord], None]


class OwnOllama:
    """A daemon and its model in one life, for as long as `run` is awaited.

    Args:
        url: where the daemon answers, in every one of its lives.
        keep_daemon: gives who keeps it alive, and tells its changes through what it is given.
        record: how it begins; every change of it is told through `on_change`.
        offline: a tag that is missing is not fetched.
    """

    def __init__(
        self,
        url: str,
        keep_daemon: Callable[[OnChange], Engine],
        charge: Charge,
        record: EngineRecord,
        on_change: OnChange,
        *,
        offline: bool = False,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._record = record
        self._on_change = on_change
        self._daemon = keep_daemon(self._daemon_changed)
        self._model = OllamaRunner(
            url, charge, record, self._model_changed, offline=offline, poll_seconds=poll_seconds
        )
        self.ready = self._model.ready
        """Set once the model has been loaded for the first time."""

    async def run(self) -> None:
        """Until cancelled; daemon and model are gone when this returns or raises.

        Raises:
            EngineDied: the daemon did not start, or died too often.
            KanoaError: the model could not be loaded; see `OllamaRunner.run`.
        """
        daemon = asyncio.create_task(self._daemon.run())
        model = asyncio.create_task(self._run_model())
        try:
            await asyncio.wait({daemon, model}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (model, daemon):  # the model first, while there is somebody to unload it
                task.cancel()
                await asyncio.wait({task})
        for task in (daemon, model):
            if not task.cancelled():
                task.result()

    async def _run_model(self) -> None:
        await self._daemon.ready.wait()
        await self._model.run()

    def _daemon_changed(self, daemon: EngineRecord) -> None:
        self._tell(identity=daemon.identity, port=daemon.port, restarts=daemon.restarts)
        if daemon.state == "down":
            self._tell(state="down", reason=daemon.reason, used_bytes=None)

    def _model_changed(self, model: EngineRecord) -> None:
        own = self._record
        if model.state == own.state == "down":
            return  # the daemon's own reason says more than that nobody answers
        self._tell(**vars(replace(model, identity=own.identity, port=own.port, restarts=own.restarts)))

    def _tell(self, **changes: object) -> None:
        record = replace(self._record, **changes)  # type: ignore[arg-type]
        if record != self._record:
            self._record = record
            self._on_change(record)
