"""`kanoa-mlops status`: what is being served, asked of the processes and of the endpoint itself."""

from __future__ import annotations

import time
from typing import Any

import click
import psutil

from kanoa_mlops.cli import options
from kanoa_mlops.cli.client import health
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord, Standing, known_servers
from kanoa_mlops.settings import load_settings
from kanoa_mlops.units import format_bytes, format_duration


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """What is being served. Exits 2 when something that should run does not."""
    settings, screen = load_settings(), Screen()
    servers = [_server(record) for _, record in known_servers(settings.servers_dir)]
    if as_json:
        screen.json({"servers": servers})
    elif not servers:
        screen.say("Nothing is being served. Start with `kanoa-mlops serve -d`.")
    else:
        for server in servers:
            _show(screen, server)
    if any(not server["healthy"] for server in servers):
        raise click.exceptions.Exit(2)


def _server(record: ServerRecord) -> dict[str, Any]:
    running = record.standing is Standing.RUNNING
    answer = health(record.url) if running else None
    engines = [_engine(engine, running) for engine in record.engines]
    return {
        "endpoint": f"{record.url}/v1",
        "port": record.port,
        "standing": record.standing,
        "answers": answer is not None,
        "healthy": running and answer is not None and all(each["state"] == "ready" for each in engines),
        "pid": record.identity.pid if running else None,
        "uptime_seconds": round(time.time() - record.identity.started, 1) if running else None,
        "why": _why(record),
        "engines": engines,
    }


def _engine(engine: EngineRecord, server_runs: bool) -> dict[str, Any]:
    process = engine.identity.process() if engine.identity else None
    # One that somebody else runs, as an Ollama daemon, has no process of ours to ask.
    stands = process is not None or engine.identity is None
    return {
        "model": engine.model,
        "weights": engine.weights,
        "engine": engine.engine,
        # The record may be older than a kill -9; the process is asked.
        "state": engine.state if stands and server_runs else "orphan" if process else "down",
        "reason": engine.reason,
        "restarts": engine.restarts,
        "context_tokens": engine.context,
        "parallel": engine.sequences,
        "planned_bytes": engine.planned_bytes,
        "used_bytes": engine.used_bytes or _resident(process),
        "pid": process.pid if process else None,
    }


def _resident(guard: psutil.Process | None) -> int | None:
    """The engine's memory: it is below its guard, with workers of its own perhaps."""
    try:
        return sum(each.memory_info().rss for each in guard.children(recursive=True)) if guard else None
    except psutil.Error:
        return None


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


def _show(screen: Screen, server: dict[str, Any]) -> None:
    state = server["standing"] if server["answers"] or not server["pid"] else "running, but does not answer"
    line = f"{server['endpoint']}  {state}"
    if server["uptime_seconds"] is not None:
        line += f"  up {format_duration(server['uptime_seconds'])}  process {server['pid']}"
    screen.print(line)
    if server["why"]:
        screen.print(f"  {server['why']}")
    screen.table(
        ["MODEL", "STATE", "ENGINE", "CONTEXT", "PARALLEL", "MEMORY", "PLANNED"],
        [
            [
                each["model"],
                each["state"] + (f" ({each['restarts']} restarts)" if each["restarts"] else ""),
                each["engine"],
                str(each["context_tokens"]),
                str(each["parallel"]),
                format_bytes(each["used_bytes"]) if each["used_bytes"] else "-",
                format_bytes(each["planned_bytes"]),
            ]
            for each in server["engines"]
        ],
        right=["CONTEXT", "PARALLEL", "MEMORY", "PLANNED"],
    )
    for each in server["engines"]:
        if each["reason"]:
            screen.say(f"{each['model']}: {each['reason'].rstrip('.')}. See `kanoa-mlops logs`.")
    if server["standing"] is not Standing.RUNNING:
        screen.say(f"`kanoa-mlops restart --port {server['port']}` serves the same again.")
