"""`kanoa-mlops serve`: plan, fetch what is missing, run, and say what to paste into the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import click

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.query import find_model, find_weights
from kanoa_mlops.catalog.types import EngineId, Model
from kanoa_mlops.cli import options, wishes
from kanoa_mlops.cli.arrange import arrange
from kanoa_mlops.cli.default import default_model
from kanoa_mlops.cli.detach import follow_start, start_detached
from kanoa_mlops.cli.dry import BY_TURNS, say_starts
from kanoa_mlops.cli.fetch import fetched
from kanoa_mlops.cli.fit import require_fit
from kanoa_mlops.cli.introduce import introduce
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.loop import run
from kanoa_mlops.cli.request import Request, Served
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.size import SIZE
from kanoa_mlops.cli.trust import require_same_code, require_trust
from kanoa_mlops.errors import PortTaken, UserError
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.runtime.lock import ServerLocked, is_locked, server_lock
from kanoa_mlops.runtime.measured import recall
from kanoa_mlops.runtime.ports import require_free
from kanoa_mlops.runtime.state import ServerFolder, ServerRecord, server_folder
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.weights.use import in_use

_SNIPPET = """\
from kanoa import AnalyticsInterpreter

interpreter = AnalyticsInterpreter(
    backend="openai",
    api_base="{url}/v1",
    model="{model}",
    api_key="local",
)
interpreter.interpret(fig=fig, context="…", focus="…")"""


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("-d", "--detach", is_flag=True, help="Return when ready; go on in the background.")
@click.option("--engine", type=click.Choice(get_args(EngineId)), help="[default: the fastest that fits]")
@click.option(
    "--via",
    type=click.Choice(["embedded", "native", "docker", "podman", "daemon"]),
    help="How the engine is run.  [default: the nearest way]",
)
@wishes.options
@click.option("--memory", type=SIZE, help="Plan as if no more than this were free, as 12GiB.")
@click.option(
    "--pin", metavar="MODEL", multiple=True, help="A model that stays loaded where not all fit at once."
)
@click.option(
    "--idle",
    type=click.FloatRange(min=1),
    help="Unload a model that had no work for so many seconds.  [default: when another needs the room]",
)
@options.anyway
@click.option("--dry-run", is_flag=True, help="Say what would be started, and start nothing.")
@click.option(
    "--platform",
    metavar="PLATFORM",
    help="With --dry-run: on a machine of the catalog; `platforms` lists them.",
)
@click.option(
    "--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1, this machine only]"
)
@options.port
@options.offline
@options.as_json
def command(
    names: tuple[str, ...],
    detach: bool,
    via: str | None,
    memory: int | None,
    pin: tuple[str, ...],
    idle: float | None,
    anyway: bool,
    dry_run: bool,
    platform: str | None,
    host: str | None,
    port: int | None,
    offline: bool,
    as_json: bool,
    **wished: Any,
) -> None:
    """Serve MODELs until Ctrl-C, or with -d in the background.

    Without a name: what is served already, or the best vision model that fits here.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    host, port = host or settings.host, port or settings.port
    folder = server_folder(settings.servers_dir, port)
    record: ServerRecord | None
    if platform and not dry_run:
        raise UserError(
            "--platform plans for another machine, where nothing can be started.", hint="Add --dry-run."
        )
    if not names and not dry_run and is_locked(folder):
        record = _join(screen, folder, None)
    else:
        catalog = load_catalog(settings.catalog_dir)
        models = [find_model(catalog, name) for name in names] or [
            default_model(screen, settings, catalog, equipped_machine(catalog, settings, platform))
        ]
        request = Request(
            models=tuple({model.id: model for model in models}.values()),
            wish=wishes.wish(**wished),
            via=via,
            anyway=anyway,
            memory=memory,
            pinned=_pinned(catalog, pin, models),
            idle_seconds=idle,
            host=host,
            port=port,
        )
        if dry_run:
            say_starts(screen, settings, catalog, request, platform, as_json)
            return
        record = serve(screen, settings, catalog, request, detach=detach)
    if as_json and record:
        report(screen, record)


def serve(
    screen: Screen,
    settings: Settings,
    catalog: Catalog,
    request: Request,
    *,
    detach: bool,
    quiet: bool = False,
) -> ServerRecord | None:
    """Serve what was asked for. If it is served already, say so; that is no error.

    Args:
        quiet: leave out the lines to paste.

    Returns:
        The running server, or None when it ran in the foreground and has ended.
    """
    folder = server_folder(settings.servers_dir, request.port)
    if is_locked(folder):
        return _join(screen, folder, request)
    if not is_loopback(request.host):
        # The server's own room, which those who stay at home need not enter.
        from kanoa_mlops.cli.reception import require_key

        require_key(settings, request.host)
    machine = equipped_machine(catalog, settings)
    arrangement = arrange(request, machine, catalog, recall(settings.measured_dir))
    choices = arrangement.choices
    for model, choice in zip(request.models, choices, strict=True):
        require_fit(screen, choice.plan, request.anyway)
        require_trust(screen, settings, model, choice.plan, find_weights(model, choice.plan.weights))
    try:
        require_free(request.host, request.port)
    except PortTaken:
        if is_locked(folder):  # somebody began to serve since we looked
            return _join(screen, folder, request)
        raise
    if not is_loopback(request.host):
        screen.say(f"{request.host} is open to the network: whoever has a key may use it.")
    served = [
        fetched(screen, settings, model, choice)
        for model, choice in zip(request.models, choices, strict=True)
    ]
    for each in served:
        require_same_code(settings, each.model, each.plan, each.files)
        introduce(screen, each.choice)
    if arrangement.by_turns:
        screen.say(BY_TURNS)
    if detach:
        record = start_detached(screen, settings, folder, request.command)
        _require_same(record, request)
        if not quiet:
            announce(screen, record)
        return record
    try:
        with server_lock(folder), in_use(each.files.folder for each in served):
            _run(screen, settings, folder, request, served, by_turns=arrangement.by_turns)
    except ServerLocked:
        return _join(screen, folder, request)
    return None


def _pinned(catalog: Catalog, names: Sequence[str], models: Sequence[Model]) -> tuple[str, ...]:
    pinned = {find_model(catalog, name).id for name in names}
    if strangers := pinned - {model.id for model in models}:
        raise UserError(
            f"--pin {', '.join(sorted(strangers))}: only a model that is served can be pinned.",
            hint="Name it among the models as well.",
        )
    return tuple(sorted(pinned))


def announce(screen: Screen, record: ServerRecord) -> None:
    """The lines to paste."""
    reach = "this machine only" if is_loopback(record.host) else f"open to the network on {record.host}"
    screen.say()
    screen.say(f"Endpoint  {record.url}/v1    ({reach})")
    screen.say(f"Models    {', '.join(record.models)}")
    screen.say()
    screen.say("In the notebook:")
    screen.say()
    for line in _SNIPPET.format(url=record.url, model=record.models[0]).splitlines():
        screen.say(f"    {line}" if line else "")
    screen.say()


def report(screen: Screen, record: ServerRecord) -> None:
    """The same for programs."""
    screen.json({"endpoint": f"{record.url}/v1", "models": record.models, "pid": record.identity.pid})


def _join(screen: Screen, folder: ServerFolder, request: Request | None) -> ServerRecord:
    """The server that somebody else runs or starts, once it is ready; any will do where none was named."""
    record = follow_start(screen, folder)
    if request:
        _require_same(record, request)
    screen.say(f"Already serving {', '.join(record.models)} on port {record.port}.")
    announce(screen, record)
    return record


def _run(
    screen: Screen,
    settings: Settings,
    folder: ServerFolder,
    request: Request,
    served: Sequence[Served],
    *,
    by_turns: bool,
) -> None:
    # The server's own room, imported only by the process that becomes one.
    from kanoa_mlops.cli.front import Front, server_log

    with (
        server_log(folder),
        screen.err.status(f"Loading {', '.join(m.id for m in request.models)} …") as spinner,
    ):

        def ready(record: ServerRecord) -> None:
            spinner.stop()
            announce(screen, record)
            screen.say("Ctrl-C stops it.")

        run(Front(settings, folder, served, request, by_turns=by_turns).run(ready))
    screen.say("Stopped.")


def _require_same(record: ServerRecord, request: Request) -> None:
    if set(record.models) != {model.id for model in request.models}:
        raise UserError(
            f"Port {record.port} already serves {', '.join(record.models)}.",
            hint=f"`kanoa-mlops stop --port {record.port}` first and name all models in one `serve`, "
            "or choose another --port.",
        )
