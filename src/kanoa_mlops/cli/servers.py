"""Which server a command means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psutil

from kanoa_mlops.cli.client import health
from kanoa_mlops.errors import NothingServed, UserError
from kanoa_mlops.runtime.containers.found import Found
from kanoa_mlops.runtime.state import (
    EngineRecord,
    ServerFolder,
    ServerRecord,
    Standing,
    known_servers,
    reachable,
    running_servers,
)
from kanoa_mlops.settings import Settings


def pick_server(settings: Settings, port: int | None) -> tuple[ServerFolder, ServerRecord]:
    """The server on this port; without one the only server, or the one on the port of the settings.

    Servers that ended stay known until `stop` or `serve` clears them, so their logs can be read.

    Raises:
        NothingServed: there is none (there).
        UserError: there are several and none was named.
    """
    servers = {record.port: (folder, record) for folder, record in known_servers(settings.servers_dir)}
    if not servers:
        raise NothingServed("Nothing is being served.", hint="Start with `kanoa-mlops serve -d`.")
    if port is not None and port not in servers:
        raise NothingServed(
            f"Nothing is being served on port {port}.", hint=f"Known: {', '.join(map(str, servers))}."
        )
    if port is not None:
        return servers[port]
    if len(servers) == 1:
        return next(iter(servers.values()))
    if settings.port in servers:
        return servers[settings.port]
    raise UserError(
        "Several servers are known.", hint=f"Name one with --port: {', '.join(map(str, servers))}."
    )


def left_over(settings: Settings, containers: Iterable[Found], port: int | None = None) -> tuple[Found, ...]:
    """Containers of a server that does not run, or does not know them.

    Args:
        port: of that server; None for any.
    """
    known = {
        (record.port, model) for record in running_servers(settings.servers_dir) for model in record.models
    }
    return tuple(
        each
        for each in containers
        if port in (None, each.box.server) and (each.box.server, each.box.model) not in known
    )


def first_process(engine: EngineRecord, box: Found | None) -> psutil.Process | None:
    """Of an engine: its guard; in a container, which is below its tool's daemon, the first one there."""
    if box and box.pid:
        return box.process
    return engine.identity.process() if engine.identity else None


def running_server(settings: Settings, port: int | None) -> ServerRecord:
    """Like `pick_server`, for commands that talk to it.

    Raises:
        NothingServed: it is not running; the hint says what became of it.
    """
    _, record = pick_server(settings, port)
    if record.standing is Standing.RUNNING:
        return record
    raise NothingServed(
        f"The server on port {record.port} is {record.standing}.",
        hint=f"`kanoa-mlops restart --port {record.port}` serves the same again, `status` says more.",
    )


def answering(settings: Settings, port: int | None) -> tuple[str, str]:
    """Where to ask, and its first model: a running server, or a gateway alone.

    Raises:
        NothingServed: there is none; as of `running_server`.
    """
    try:
        server = running_server(settings, port)
    except NothingServed:
        url = front_door(settings, port or settings.port)
        if not (models := served_alone(url)):
            raise
        return url, models[0]
    return server.url, server.models[0]


def served_alone(url: str) -> Sequence[str]:
    """The models of a gateway that leaves no record; empty where none is."""
    models = (health(url) or {}).get("models")
    return list(models) if isinstance(models, dict) else []


def front_door(settings: Settings, port: int | None) -> str:
    """Where to ask: a running server as `pick_server` finds it, or a gateway alone, which leaves no record.

    Raises:
        UserError: several servers run and none was named.
    """
    running = {record.port: record for record in running_servers(settings.servers_dir)}
    if port is None and settings.port not in running and running:
        if len(running) > 1:
            raise UserError(
                "Several servers are running.", hint=f"Name one with --port: {', '.join(map(str, running))}."
            )
        [port] = running
    port = port or settings.port
    return running[port].url if port in running else f"http://{reachable(settings.host)}:{port}"
