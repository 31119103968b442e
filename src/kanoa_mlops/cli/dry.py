"""What `serve` would start, said and not done."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.arrange import arrange
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.fit import require_fit
from kanoa_mlops.cli.introduce import introduce
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.placing import to_be_placed
from kanoa_mlops.cli.request import Request
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.ollama import derived_name, ollama_parameters
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.containers.command import run_argv
from kanoa_mlops.runtime.containers.host import Host, User, look
from kanoa_mlops.runtime.measured import recall
from kanoa_mlops.runtime.state import server_folder
from kanoa_mlops.settings import Settings

BY_TURNS = "Each is loaded when it is asked for, and unloaded when another needs the room or it idles."
_PORT = 8001
"""Stands for the free port that an engine is given when it is started."""
_ELSEWHERE = Host(User(1000, 1000), rootless=False)
"""The person on a machine of the catalog: the first that a system has."""


@dataclass(frozen=True)
class Start:
    """What leads from a choice to a model that answers."""

    choice: Choice
    command: tuple[str, ...]
    """That starts the engine; empty where it runs already."""
    origin: str
    """Of a model that Ollama makes: a tag or a file. Else ''."""

    def text(self) -> Iterator[str]:
        """As a shell takes it."""
        if self.command:
            yield from _lines(self.command)
        if self.origin:
            yield f"ollama create {derived_name(self.choice.plan)} --file - <<'end'"
            yield f"FROM {self.origin}"
            for name, value in ollama_parameters(self.choice.plan).items():
                yield f"PARAMETER {name} {value}"
            yield "end"

    def document(self) -> dict[str, Any]:
        """For programs."""
        plan = self.choice.plan
        document: dict[str, Any] = {"model": plan.model, "engine": plan.engine, "way": str(self.choice.way)}
        if self.command:
            document["command"] = list(self.command)
        if self.origin:
            made = {"name": derived_name(plan), "from": self.origin, "parameters": ollama_parameters(plan)}
            document["ollama"] = made
        return document


def say_starts(
    screen: Screen,
    settings: Settings,
    catalog: Catalog,
    request: Request,
    platform: str | None,
    as_json: bool,
) -> None:
    """For every model of the request, what would be started here or on a machine of the catalog.

    Raises:
        DoesNotFit: as `serve` would.
    """
    machine = equipped_machine(catalog, settings, platform)
    arrangement = arrange(request, machine, catalog, recall(settings.measured_dir))
    choices = arrangement.choices
    if arrangement.by_turns:
        screen.say(BY_TURNS)
    starts = []
    for model, choice in zip(request.models, choices, strict=True):
        require_fit(screen, choice.plan, request.anyway)
        starts.append(start_of(model, choice, settings, request.port, _ELSEWHERE if platform else None))
        if not as_json:
            _say(screen, starts[-1])
    if as_json:
        screen.json([start.document() for start in starts])


def start_of(model: Model, choice: Choice, settings: Settings, server: int, host: Host | None) -> Start:
    """
    Args:
        server: the port of the gateway.
        host: who the person is to the machine; None asks this one.
    """
    plan, way = choice.plan, choice.way
    weights = find_weights(model, plan.weights)
    files = to_be_placed(model, weights, settings)
    key = server_folder(settings.servers_dir, server).engine_key(model.id)
    site = Site(_PORT, key, settings.cache_dir / "engines" / plan.engine)
    launch = launch_of(plan, model, weights, files, site, way)
    origin = (weights.tag or str(files.first)) if plan.engine == "ollama" else ""
    if launch is None:
        return Start(choice, (), origin)
    if isinstance(way, Contained) and launch.container:
        box = Box(way.tool, server, model.id)
        return Start(choice, run_argv(launch, box, host or look(way.tool, launch.container)), origin)
    environment = tuple(f"{name}={value}" for name, value in launch.environment.items())
    return Start(choice, (*(("env", *environment) if environment else ()), *launch.argv), origin)


def _say(screen: Screen, start: Start) -> None:
    introduce(screen, start.choice)
    if start.choice.plan.remote_code:
        screen.say(f"  Its code must be allowed first: `kanoa-mlops trust {start.choice.plan.model}`.")
    for line in start.text():
        screen.print(line)


def _lines(command: tuple[str, ...]) -> Iterator[str]:
    """A flag a line, what belongs to it beside it."""
    line = shlex.quote(command[0])
    for word in command[1:]:
        if word.startswith("-"):
            yield f"{line} \\"
            line = f"    {shlex.quote(word)}"
        else:
            line += f" {shlex.quote(word)}"
    yield line
