"""`kanoa-mlops render`: the same plan for another way to run it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import click
import yaml

from kanoa_mlops import __version__
from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model, find_weights
from kanoa_mlops.catalog.types import EngineId, Model
from kanoa_mlops.cli import options, wishes
from kanoa_mlops.cli.arrange import arrange
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.fetch import fetched
from kanoa_mlops.cli.fit import require_fit
from kanoa_mlops.cli.group import Group
from kanoa_mlops.cli.introduce import introduce
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.placing import to_be_placed
from kanoa_mlops.cli.request import Request
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.traefik import traefik
from kanoa_mlops.cli.trust import require_same_code, require_trust
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.errors import DoesNotFit, UserError
from kanoa_mlops.render.compose import compose_document, routes_document
from kanoa_mlops.render.compose_books import books_of
from kanoa_mlops.render.compose_gateway import dockerfile, first_key, gateway_document
from kanoa_mlops.render.compose_service import Part, Person
from kanoa_mlops.runtime.containers.box import Tool
from kanoa_mlops.runtime.containers.host import Host, User, inner_user, look
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.settings import Settings, load_settings

_MOST_REPLICAS = 30
"""Postgres lets in 100 connections unless it is told otherwise, and each gateway has three."""
_RENDERED = "# Written by `kanoa-mlops render compose`; rendering again writes it anew, and keeps the keys.\n"


@click.group(cls=Group)
def command() -> None:
    """Write a plan down for another tool to run."""


command.add_command(traefik)


@command.command()
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    default="compose",
    help="Folder to write into.  [default: compose]",
    type=click.Path(file_okay=False, path_type=Path),
)
@click.option("--platform", metavar="PLATFORM", help="For a machine of the catalog; `platforms` lists them.")
@click.option("--engine", type=click.Choice(get_args(EngineId)), help="[default: the fastest that fits]")
@click.option(
    "--replicas",
    type=click.IntRange(1, _MOST_REPLICAS),
    default=1,
    help="Gateways; several share a Postgres.  [default: 1]",
)
@click.option("--tool", type=click.Choice(get_args(Tool)), default="docker", help="[default: docker]")
@wishes.options
@options.anyway
@options.port
@options.offline
def compose(
    names: tuple[str, ...],
    output: Path,
    platform: str | None,
    replicas: int,
    tool: Tool,
    anyway: bool,
    port: int | None,
    offline: bool,
    **wished: Any,
) -> None:
    """A Compose file that serves MODELs: engines, gateways, and Traefik before them.

    Fetches the weights first, unless it is for another machine.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    catalog = load_catalog(settings.catalog_dir)
    models = {model.id: model for model in (find_model(catalog, name) for name in names)}
    request = Request(
        models=tuple(models.values()),
        wish=wishes.wish(**wished),
        host=settings.host,
        port=port or settings.port,
        via=tool if not platform else "docker",
        anyway=anyway,
    )
    machine = equipped_machine(catalog, settings, platform)
    arrangement = arrange(request, machine, catalog)
    if arrangement.by_turns:
        raise DoesNotFit(
            f"{' and '.join(models)} do not fit at the same time, and a Compose file runs all that is in it.",
            hint="Ask for less with --context and --parallel, or take turns: `kanoa-mlops serve`.",
        )
    choices = arrangement.choices
    # All that may be refused comes before the first byte is fetched.
    if replicas > 1:
        _require_ordinary_user(tool, elsewhere=bool(platform))
    for model, choice in zip(request.models, choices, strict=True):
        require_fit(screen, choice.plan, anyway)
        require_trust(screen, settings, model, choice.plan, find_weights(model, choice.plan.weights))
        _require_container(model, choice)
    folder = output.absolute()
    parts = []
    for model, choice in zip(request.models, choices, strict=True):
        parts.append(_part(screen, settings, model, choice, folder, elsewhere=bool(platform)))
        introduce(screen, choice)
    person, owner = _person(tool, parts, elsewhere=bool(platform))
    keys, books = folder / "secrets", books_of(replicas)
    for name in (*(part.key_name for part in parts), *books.secrets):
        _keep_key(keys / name, owner)
    document = compose_document(parts, person, request.port, __version__, keys, replicas)
    make_key = first_key(tool, books)
    _write(
        folder / "compose.yaml",
        document,
        f"# Whoever asks needs a key, and the first comes before the start: {make_key}\n",
    )
    _write(folder / "gateway.yaml", gateway_document(parts))
    _write(folder / "routes.yaml", routes_document(replicas))
    (folder / "gateway").mkdir(exist_ok=True)
    (folder / "gateway" / "Dockerfile").write_text(dockerfile(__version__, person), encoding="utf-8")
    screen.print(str(folder / "compose.yaml"))
    enter = shlex.join(["cd", str(output)])
    screen.say(f"First a key: {enter} && {make_key}")
    screen.say(f"Start it: {enter} && {tool} compose up --detach")
    screen.say(f"Endpoint: http://127.0.0.1:{request.port}/v1")


def _require_ordinary_user(tool: Tool, *, elsewhere: bool) -> None:
    """For a Postgres, which is a part of the file."""
    if inner_user(tool, _host(tool, (), elsewhere=elsewhere)).uid == 0:
        raise UserError(
            "Rootless Docker shows you as user 0, and Postgres refuses to be that one.",
            hint="Render with --tool podman, or one gateway: --replicas 1.",
        )


def _require_container(model: Model, choice: Choice) -> None:
    if choice.plan.engine == "ollama" or not isinstance(choice.way, Contained):
        raise UserError(
            f"{model.id} would run on {choice.plan.engine} ({choice.way}), which a Compose file cannot make "
            "ready.",
            hint="Name another engine with --engine, or run it with `kanoa-mlops serve`.",
        )


def _part(
    screen: Screen, settings: Settings, model: Model, choice: Choice, folder: Path, *, elsewhere: bool
) -> Part:
    way, plan = choice.way, choice.plan
    weights = find_weights(model, plan.weights)
    assert isinstance(way, Contained), "any other was refused"
    if elsewhere:
        files = to_be_placed(model, weights, settings)
    else:
        files = fetched(screen, settings, model, choice).files
        require_same_code(settings, model, plan, files)
    store = settings.cache_dir / "engines" / plan.engine
    if not elsewhere:
        store.mkdir(parents=True, exist_ok=True)
    site = Site(0, folder / "secrets" / model.id, store)
    launch = launch_of(plan, model, weights, files, site, way)
    assert launch is not None, "a container is started"
    return Part(model, plan, launch, way.image.alive)


def _person(tool: Tool, parts: Sequence[Part], *, elsewhere: bool) -> tuple[Person, User]:
    """Who the parts are inside, and to whom their files belong outside."""
    host = _host(tool, parts, elsewhere=elsewhere)
    inside = inner_user(tool, host)
    rootless_podman = tool == "podman" and host.rootless
    outside = host.ours if host.rootless else inside
    return Person(str(inside), "keep-id" if rootless_podman else "", host.groups), outside


def _host(tool: Tool, parts: Sequence[Part], *, elsewhere: bool) -> Host:
    if elsewhere:
        return Host(User(1000, 1000), rootless=False)
    return look(tool, *(part.launch.container for part in parts if part.launch.container))


def _keep_key(path: Path, owner: User) -> None:
    """One that is there stays, so that what runs keeps working."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        write_key(path)
    if os.geteuid() == 0:
        os.chown(path, owner.uid, owner.gid)


def _write(path: Path, document: Mapping[str, Any], note: str = "") -> None:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(_RENDERED + note + text, encoding="utf-8")
