"""What `serve` would start, said and not done."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.fit import require_fit
from kanoa_mlops.cli.introduce import introduce
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.placing import to_be_placed
from kanoa_mlops.cli.request import Request
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.ollama import derived_name, ollama_parameters
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.way import Contained, Daemon
from kanoa_mlops.runtime.measured import recall
from kanoa_mlops.runtime.state import ServerFolder, server_folder
from kanoa_mlops.settings import Settings

PORT = 8001
"""Stands for the free port that an engine is given when it is started."""


def say_launches(
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
    folder = server_folder(settings.servers_dir, request.port)
    machine = equipped_machine(catalog, settings, platform)
    learned = recall(settings.measured_dir)
    documents = []
    for model, choice in zip(request.models, request.choices(machine, catalog, learned), strict=True):
        require_fit(screen, choice.plan, request.anyway)
        launch = planned_launch(model, choice, settings, folder)
        origin = _origin(model, choice, settings)
        if as_json:
            documents.append(launch_document(choice, launch, origin))
            continue
        introduce(screen, choice)
        if choice.plan.remote_code:
            screen.say(f"  Its code must be allowed first: `kanoa-mlops trust {model.id}`.")
        for line in launch_text(choice, launch, origin):
            screen.print(line)
    if as_json:
        screen.json(documents)


def planned_launch(model: Model, choice: Choice, settings: Settings, folder: ServerFolder) -> Launch | None:
    """What would be started; None where the engine runs already."""
    plan = choice.plan
    weights = find_weights(model, plan.weights)
    site = Site(PORT, folder.engine_key(model.id), settings.cache_dir / "engines" / plan.engine)
    files = to_be_placed(model, weights, settings)
    return launch_of(plan, model, weights, files, site, choice.way)


def launch_text(choice: Choice, launch: Launch | None, origin: str) -> Iterator[str]:
    """As a shell takes it, a flag a line.

    Args:
        origin: what a model in Ollama is made of: a tag or a file.
    """
    if launch:
        yield from _shell(_command(choice, launch))
    if choice.plan.engine == "ollama":
        yield from _modelfile(choice, origin)


def launch_document(choice: Choice, launch: Launch | None, origin: str) -> dict[str, Any]:
    """The same for programs."""
    plan = choice.plan
    document: dict[str, Any] = {"model": plan.model, "engine": plan.engine, "way": str(choice.way)}
    if launch:
        document["environment"] = dict(launch.environment)
        document["command"] = list(_command(choice, launch))
    if isinstance(choice.way, Daemon):
        document["url"] = choice.way.url
    if plan.engine == "ollama":
        document |= {
            "ollama_model": derived_name(plan),
            "from": origin,
            "parameters": ollama_parameters(plan),
        }
    return document


def _command(choice: Choice, launch: Launch) -> tuple[str, ...]:
    if isinstance(choice.way, Contained):
        raise NotImplementedError
    return (*_settings(launch.environment), *launch.argv)


def _settings(environment: Mapping[str, str]) -> tuple[str, ...]:
    pairs = tuple(f"{name}={value}" for name, value in environment.items())
    return ("env", *pairs) if pairs else ()


def _shell(argv: tuple[str, ...]) -> Iterator[str]:
    """A word that is no flag stands beside the flag before it."""
    line = shlex.quote(argv[0])
    for word in argv[1:]:
        if word.startswith("-"):
            yield f"{line} \\"
            line = f"    {shlex.quote(word)}"
        else:
            line += f" {shlex.quote(word)}"
    yield line


def _modelfile(choice: Choice, origin: str) -> Iterator[str]:
    yield f"ollama create {derived_name(choice.plan)} --file - <<'end'"
    yield f"FROM {origin}"
    for name, value in ollama_parameters(choice.plan).items():
        yield f"PARAMETER {name} {value}"
    yield "end"


def _origin(model: Model, choice: Choice, settings: Settings) -> str:
    weights = find_weights(model, choice.plan.weights)
    return weights.tag or str(to_be_placed(model, weights, settings).first)
