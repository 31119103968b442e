"""One server: the gateway and its engines in one life. Here runtime and gateway are joined."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from kanoa_mlops.catalog.types import Embedding
from kanoa_mlops.cli.beyond import following
from kanoa_mlops.cli.door import open_door
from kanoa_mlops.cli.engine import OnChange, first_record, make_engine
from kanoa_mlops.cli.loop import stop_on_signals
from kanoa_mlops.cli.reception import reception
from kanoa_mlops.cli.request import Request, Served
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.server import Gateway
from kanoa_mlops.gateway.vectors import Vectors
from kanoa_mlops.gateway.watch import watch_supervised
from kanoa_mlops.planner.together import fits_together
from kanoa_mlops.runtime.engine import Engine
from kanoa_mlops.runtime.fleet.fleet import Fleet
from kanoa_mlops.runtime.fleet.seat import State
from kanoa_mlops.runtime.fleet.supervised import Supervised
from kanoa_mlops.runtime.identity import this_process
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.lazy_log import LazyLog, Stamped, keep_records_short
from kanoa_mlops.runtime.logs import rotate
from kanoa_mlops.runtime.state import EngineRecord, ServerFolder, ServerRecord
from kanoa_mlops.runtime.stop import stop_server
from kanoa_mlops.settings import Settings

_LOOK_SECONDS = 5.0


class Front:
    """A gateway in front of an engine for each of `served`. Wants the server's lock held."""

    def __init__(
        self,
        settings: Settings,
        folder: ServerFolder,
        served: Sequence[Served],
        request: Request,
        *,
        by_turns: bool = False,
    ) -> None:
        if previous := folder.read():
            stop_server(folder, previous)  # killed or failed; nothing of it may linger
        self._settings = settings
        self._folder = folder
        self._record = ServerRecord(
            host=request.host,
            port=request.port,
            identity=this_process(),
            command=request.command,
            engines=tuple(_first_record(each, by_turns) for each in served),
        )
        self._backends = Backends(self._backend(each, by_turns) for each in served)
        self._fleet = self._make_fleet(served, request) if by_turns else None
        alive = () if by_turns else served
        self._engines = [make_engine(each, settings, folder, self._engine_changed) for each in alive]

    async def run(self, on_ready: Callable[[ServerRecord], None]) -> None:
        """Serve until a signal asks to end. Nothing is left running, whatever happens.

        Raises:
            EngineDied: an engine did not start.
            PortTaken: somebody took the port meanwhile.
        """
        stop, host, port = stop_on_signals(), self._record.host, self._record.port
        with reception(self._settings, host) as desk:
            assert desk.purse is not None
            async with (
                following(self._settings, self._backends, desk.purse),
                open_door(self._settings, self._backends, host, port, desk, self._fleet) as gateway,
            ):
                self._write()
                try:
                    async with self._fleet or contextlib.nullcontext():
                        await self._supervise(gateway, stop, on_ready)
                except KanoaError as error:
                    self._write(failure=error.message, hint=error.hint)
                    raise
        self._folder.clear()

    async def _supervise(
        self, gateway: Gateway, stop: asyncio.Event, on_ready: Callable[[ServerRecord], None]
    ) -> None:
        stopped = asyncio.create_task(stop.wait())
        watched = watch_supervised(self._backends, gateway.app.traffic, gateway.app.readings)
        watching = asyncio.create_task(watched)
        engines: list[asyncio.Task[None]] = []
        try:
            # One after another: an engine measures what is free on a card while it starts.
            for engine in self._engines:
                if stop.is_set():
                    break
                engines.append(asyncio.create_task(engine.run()))
                await _until_ready(engine, [*engines, stopped])
            if not stop.is_set():
                self._write(ready=True)
                on_ready(self._record)
            # From here an engine that is given up leaves the others, and its reason, at the gateway.
            await self._stay_known(stop)
        finally:
            # The door first: answers under way still need their engines to finish.
            await gateway.stop(self._settings.drain_seconds)
            for task in (*engines, watching, stopped):
                task.cancel()
            await asyncio.gather(*engines, watching, stopped, return_exceptions=True)

    async def _stay_known(self, stop: asyncio.Event) -> None:
        """Until asked to stop. A record that was cleaned away is written again, or nobody could stop us."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            if not stop.is_set() and self._folder.read() is None:
                self._write()

    def _engine_changed(self, record: EngineRecord) -> None:
        backend = self._backends.get(record.model)
        assert backend is not None, "every engine has its backend from the start"
        self._backends.put(
            replace(
                backend,
                url=record.url or f"http://127.0.0.1:{record.port}",
                upstream_model=record.upstream_model,
                # Whose turn it is says the fleet.
                state=backend.state if backend.on_demand else record.state,
                reason=backend.reason if backend.on_demand else record.reason,
            )
        )
        self._record = self._record.with_engine(record)
        self._write()

    def _make_fleet(self, served: Sequence[Served], request: Request) -> Fleet:
        plans = {each.plan.model: each.plan for each in served}

        def member(each: Served) -> Supervised:
            def make(told: OnChange) -> Engine:
                def changed(record: EngineRecord) -> None:
                    self._engine_changed(record)  # first, so that who is told "ready" knows where
                    told(record)

                return make_engine(each, self._settings, self._folder, changed)

            return Supervised(each.plan.model, make)

        return Fleet(
            [member(each) for each in served],
            lambda names: fits_together(plans[name] for name in names),
            self._turn_changed,
            pinned=request.pinned,
            idle_seconds=request.idle_seconds,
        )

    def _turn_changed(self, model: str, state: State, reason: str) -> None:
        self._backends.mark(model, state, reason)
        [record] = [each for each in self._record.engines if each.model == model]
        record = replace(record, state=state, reason=reason)
        if state not in ("loading", "ready"):
            record = replace(record, identity=None, used_bytes=None)
        self._record = self._record.with_engine(record)
        self._write()

    def _write(self, **changes: object) -> None:
        self._record = replace(self._record, **changes)  # type: ignore[arg-type]
        self._folder.write(self._record)

    def _backend(self, served: Served, on_demand: bool) -> Backend:
        plan = served.plan
        return Backend(
            model=plan.model,
            aliases=plan.aliases,
            url="",
            engine=plan.engine,
            sees=plan.sees,
            context_tokens=plan.context,
            state="asleep" if on_demand else "loading",
            on_demand=on_demand,
            slots=plan.sequences,
            reasons=served.model.reasoning,
            kind=served.model.kind,
            vectors=vectors_of(served.model.embedding),
            engine_key=write_key(self._folder.engine_key(plan.model)),
        )


def vectors_of(embedding: Embedding | None) -> Vectors | None:
    """What the gateway needs to know of them."""
    if embedding is None:
        return None
    return Vectors(
        embedding.dimensions,
        embedding.shortest,
        embedding.cuts,
        embedding.query_prompt,
        embedding.document_prompt,
    )


def _first_record(served: Served, by_turns: bool) -> EngineRecord:
    record = first_record(served.choice)
    return replace(record, state="asleep") if by_turns else record


@contextlib.contextmanager
def server_log(folder: ServerFolder) -> Iterator[None]:
    """What the server has to say goes to its log file."""
    rotate(folder.log)
    file = folder.log.open("a", encoding="utf-8")
    handler = LazyLog(file)
    handler.setFormatter(Stamped())
    keep_records_short()
    logger = logging.getLogger("kanoa_mlops")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        file.close()


async def _until_ready(engine: Engine, others: Sequence[asyncio.Future[Any]]) -> None:
    """Until it is, or somebody ended; raises what an engine died of."""
    ready = asyncio.create_task(engine.ready.wait())
    try:
        await asyncio.wait([ready, *others], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ready.cancel()
    for other in others:
        if other.done():
            other.result()
