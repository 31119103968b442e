"""The engine that a bench measures: whether it can be asked, its processes, and what they hold."""

from __future__ import annotations

from typing import get_args

import psutil

from kanoa_mlops.bench.run import Memory
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.servers import first_process
from kanoa_mlops.errors import Failure, NothingServed, UserError
from kanoa_mlops.hardware.held import held
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.containers.box import Tool
from kanoa_mlops.runtime.containers.found import container_of, find_containers
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord, running_servers, server_folder
from kanoa_mlops.settings import Settings


def served(settings: Settings, model: Model, port: int | None) -> tuple[ServerRecord, EngineRecord]:
    """Where the model can be asked. One that is asleep can: the first request loads it.

    Raises:
        NothingServed: it is not served, there or anywhere.
        UserError: it is not ready yet.
        Failure: its engine is down.
    """
    for server in running_servers(settings.servers_dir):
        for engine in server.engines:
            if engine.model == model.id and port in (None, server.port):
                _require_answering(server, engine)
                return server, engine
    where = f" on port {port}" if port else ""
    flag = f" --port {port}" if port else ""
    raise NothingServed(
        f"{model.id} is not being served{where}.",
        hint=f"Run `kanoa-mlops serve {model.id} -d{flag}` first; `status` shows what is served.",
    )


def again(settings: Settings, server: ServerRecord, engine: EngineRecord) -> EngineRecord:
    """As its server sees it now: loading a model and load itself change what is known of it."""
    now = server_folder(settings.servers_dir, server.port).read() or server
    return next((each for each in now.engines if each.model == engine.model), engine)


def processes(server: ServerRecord, engine: EngineRecord) -> tuple[psutil.Process, ...] | None:
    """The first ones of all that work for an answer; None where some are another's, as an Ollama daemon's."""
    if engine.identity is None and engine.state != "asleep":
        return None
    found = (server.identity.process(), _process(server, engine), psutil.Process())
    return tuple(each for each in found if each)


def memory(server: ServerRecord, engine: EngineRecord, plan: Plan | None) -> Memory:
    process = _process(server, engine)
    found = held(process) if process else None
    if found is None:
        return Memory(engine.used_bytes, None)
    told = found.card > 0 or (plan is not None and plan.place == "cpu")
    return Memory(engine.used_bytes or (found.total if told else None), found.memory)


def _require_answering(server: ServerRecord, engine: EngineRecord) -> None:
    if engine.state == "loading":
        raise UserError(
            f"{engine.model} is still being loaded on port {server.port}.",
            hint="Wait until `kanoa-mlops status` calls it ready.",
        )
    if engine.state == "down":
        why = f": {engine.reason.rstrip('.')}" if engine.reason else ""
        raise Failure(
            f"The engine of {engine.model} is down{why}.",
            hint=f"`kanoa-mlops logs --port {server.port}` shows its last words.",
        )


def _process(server: ServerRecord, engine: EngineRecord) -> psutil.Process | None:
    contained = engine.way in get_args(Tool)
    box = container_of(find_containers(), server.port, engine.model) if contained else None
    return first_process(engine, box)
