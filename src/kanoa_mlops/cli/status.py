"""`kanoa-mlops status`: what is being served, asked of the processes and of the endpoint itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import psutil

from kanoa_mlops.cli import options
from kanoa_mlops.cli.client import health
from kanoa_mlops.cli.memory import engine_bytes
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import front_door, left_over, served_alone
from kanoa_mlops.runtime.containers.found import Found, container_of, find_containers
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord, Standing, known_servers
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_bytes, format_duration

_WELL = ("ready", "asleep")


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """What is being served. Exits 2 when something that should run does not."""
    settings, screen = load_settings(), Screen()
    containers = find_containers()
    servers = [_server(record, containers) for _, record in known_servers(settings.servers_dir)]
    strays = left_over(settings, containers)
    alone = _alone(settings, servers)
    if as_json:
        screen.json({"servers": servers, "left_over": [_stray(each) for each in strays], "gateway": alone})
    else:
        _show_all(screen, servers, strays, alone)
    if strays or any(not server["healthy"] for server in servers):
        raise click.exceptions.Exit(2)


def _alone(settings: Settings, servers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """A gateway that `gateway` runs, on the port of the settings; it leaves no record."""
    if settings.port in (server["port"] for server in servers):
        return None
    url = front_door(settings, settings.port)
    models = served_alone(url)
    return {"endpoint": f"{url}/v1", "models": models} if models else None


def _server(record: ServerRecord, containers: Sequence[Found]) -> dict[str, Any]:
    running = record.standing is Standing.RUNNING
    answer = health(record.url) if running else None
    engines = [_engine(record.port, engine, running, containers) for engine in record.engines]
    return {
        "endpoint": f"{record.url}/v1",
        "port": record.port,
        "standing": record.standing,
        "answers": answer is not None,
        "healthy": running and answer is not None and all(each["state"] in _WELL for each in engines),
        "pid": record.identity.pid if running else None,
        "uptime_seconds": round(time.time() - record.identity.started, 1) if running else None,
        "why": _why(record),
        "engines": engines,
    }


def _engine(
    server: int, engine: EngineRecord, server_runs: bool, containers: Sequence[Found]
) -> dict[str, Any]:
    process = engine.identity.process() if engine.identity else None
    box = container_of(containers, server, engine.model)
    # One that somebody else runs, as an Ollama daemon, has no process of ours to ask.
    stands = process is not None or engine.identity is None
    return {
        "model": engine.model,
        "weights": engine.weights,
        "engine": engine.engine,
        "engine_version": engine.version,
        "way": engine.way,
        "container": box.box.name if box else None,
        # The record may be older than a kill -9; the process is asked.
        "state": engine.state if stands and server_runs else "orphan" if process else "down",
        "reason": engine.reason,
        "restarts": engine.restarts,
        "context_tokens": engine.context,
        "parallel": engine.sequences,
        "planned_bytes": engine.planned_bytes,
        "used_bytes": engine_bytes(engine, box),
        "pid": process.pid if process else None,
    }


def _stray(found: Found) -> dict[str, Any]:
    box = found.box
    return {"container": box.name, "tool": box.tool, "server_port": box.server, "model": box.model}


def _why(record: ServerRecord) -> str:
    match record.standing:
        case Standing.FAILED:
            return record.failure
        case Standing.GONE if psutil.boot_time() > record.identity.started + 2:
            return "the machine was restarted since"
        case Standing.GONE:
            return "its process was killed"
        case Standing.RUNNING:
            return "" if record.ready else "still starting"


def _show_all(
    screen: Screen,
    servers: Sequence[dict[str, Any]],
    strays: Sequence[Found],
    alone: dict[str, Any] | None,
) -> None:
    for server in servers:
        _show(screen, server)
    for stray in strays:
        _show_stray(screen, stray)
    if alone:
        screen.print(f"{alone['endpoint']}  a gateway before engines that somebody else runs")
        screen.say("`kanoa-mlops top` shows it at work.")
    if not servers and not strays and not alone:
        screen.say("Nothing is being served. Start with `kanoa-mlops serve -d`.")


def _show(screen: Screen, server: dict[str, Any]) -> None:
    state = server["standing"] if server["answers"] or not server["pid"] else "running, but does not answer"
    line = f"{server['endpoint']}  {state}"
    if server["uptime_seconds"] is not None:
        line += f"  up {format_duration(server['uptime_seconds'])}  process {server['pid']}"
    screen.print(line)
    if server["why"]:
        screen.print(f"  {server['why']}")
    screen.table(
        ["MODEL", "STATE", "ENGINE", "SLOTS", "MEMORY", "PLANNED"],
        [
            [
                each["model"],
                each["state"] + _restarted(each["restarts"]),
                f"{each['engine']} {each['engine_version']}".strip()
                + (f", {each['way']}" if each["way"] else ""),
                f"{each['parallel']} x {each['context_tokens']}",
                format_bytes(each["used_bytes"]) if each["used_bytes"] else "-",
                format_bytes(each["planned_bytes"]),
            ]
            for each in server["engines"]
        ],
        right=["SLOTS", "MEMORY", "PLANNED"],
        yielding="ENGINE",
    )
    for each in server["engines"]:
        if each["reason"]:
            screen.say(f"{each['model']}: {each['reason'].rstrip('.')}. See `kanoa-mlops logs`.")
    if server["standing"] is not Standing.RUNNING:
        screen.say(f"`kanoa-mlops restart --port {server['port']}` serves the same again.")


def _restarted(times: int) -> str:
    if not times:
        return ""
    return " (1 restart)" if times == 1 else f" ({times} restarts)"


def _show_stray(screen: Screen, found: Found) -> None:
    box = found.box
    screen.print(f"{box.name}  left over: a container of {box.tool} that no server here knows")
    screen.say(
        f"`kanoa-mlops stop --port {box.server}` removes it, `logs --port {box.server}` shows its log."
    )
