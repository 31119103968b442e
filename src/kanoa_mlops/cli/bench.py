"""`kanoa-mlops bench`: how fast a served model answers, alone and under load."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import click

from kanoa_mlops import __version__
from kanoa_mlops.bench.compare import last_alike
from kanoa_mlops.bench.level import Level, Prompt
from kanoa_mlops.bench.load import Target
from kanoa_mlops.bench.others import others_share, read
from kanoa_mlops.bench.run import Prediction, Run, Subject
from kanoa_mlops.bench.store import document, history, save
from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.cli import options
from kanoa_mlops.cli.bench_engine import again, memory, processes, served
from kanoa_mlops.cli.bench_report import draw_run, show_history, show_run
from kanoa_mlops.cli.benching import Load, first_failure, measure
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.replan import replan
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import Failure, UserError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.render.canvas import require_picture
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord
from kanoa_mlops.settings import load_settings

_MOST_PARALLEL = 1024
_REQUESTS, _LEVEL_SECONDS = 8, 60


def _numbers(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        numbers = sorted({int(word) for word in text.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1 or numbers[-1] > _MOST_PARALLEL:
        raise click.BadParameter(f"{text!r} is no list of numbers from 1 to {_MOST_PARALLEL}, as in 1,4,16.")
    return tuple(numbers)


@click.command()
@click.argument("name", metavar="MODEL")
@click.option(
    "--parallel",
    metavar="N[,N…]",
    default="1,4,16",
    show_default=True,
    callback=_numbers,
    help="Requests in flight.",
)
@click.option(
    "--requests",
    type=click.IntRange(1),
    help="At each level; never fewer than are in flight.  [default: 8, as far as a minute goes]",
)
@click.option(
    "--max-tokens", type=click.IntRange(2), default=128, show_default=True, help="Length of an answer."
)
@click.option("--figure/--no-figure", default=None, help="Ask with figures too.  [default: if it sees]")
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=600,
    show_default=True,
    help="Seconds for one request; past them it has failed.",
)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture: .png or .svg."
)
@click.option("--history", "former", is_flag=True, help="List former runs, and measure nothing.")
@options.port
@options.as_json
def command(
    name: str,
    parallel: tuple[int, ...],
    requests: int | None,
    max_tokens: int,
    figure: bool | None,
    patience: float,
    plot: Path | None,
    former: bool,
    port: int | None,
    as_json: bool,
) -> None:
    """How fast MODEL answers, beside the plan and beside the last run.

    MODEL is served already. Each run is kept, on this machine only.
    """
    screen, settings = Screen(), load_settings()
    catalog = load_catalog(settings.catalog_dir)
    model = find_model(catalog, name)
    runs = history(model.id, settings.state_dir / "benches")
    if former:
        _list(screen, model, runs, as_json)
        return
    server, engine = served(settings, model, port)
    if plot:
        require_picture(plot)
    machine = equipped_machine(catalog, settings)
    plan = replan(server, engine, model, machine, catalog)
    asked = _load(_kinds(model, plan, figure), parallel, requests)
    target = Target(server.url, model.id, max_tokens, patience)
    before = read(processes(server, engine) or ())
    levels = _measure(screen, server, target, asked)
    engine = again(settings, server, engine)
    ours = processes(server, engine)
    run = Run(
        subject=_subject(engine, plan, machine),
        program=__version__,
        date=datetime.datetime.now(datetime.UTC),
        answer_tokens=max_tokens,
        levels=levels,
        memory=memory(server, engine, plan),
        predicted=_prediction(plan),
        others=None if ours is None else others_share(before, read(ours)),
    )
    last = last_alike(run, runs)
    _keep(screen, run, settings.state_dir / "benches")
    if as_json:
        screen.json({"run": document(run), "last": document(last) if last else None})
    else:
        show_run(screen, run, last)
    if plot:
        draw_run(run, last, plot)


def _load(kinds: tuple[Prompt, ...], parallel: tuple[int, ...], requests: int | None) -> Load:
    """What was not asked for by number does not take all day on a slow machine."""
    return Load(kinds, parallel, requests) if requests else Load(kinds, parallel, _REQUESTS, _LEVEL_SECONDS)


def _measure(screen: Screen, server: ServerRecord, target: Target, asked: Load) -> tuple[Level, ...]:
    """
    Raises:
        Failure: nothing was answered, and why.
    """
    levels = measure(screen, target, asked)
    if why := first_failure(levels):
        raise Failure(
            f"No request was answered: {why.rstrip('.')}.",
            hint=f"Run `kanoa-mlops logs --port {server.port}`.",
        )
    return levels


def _kinds(model: Model, plan: Plan | None, figure: bool | None) -> tuple[Prompt, ...]:
    sees = plan.sees and plan.images > 0 if plan else model.sees
    if figure and not sees:
        raise UserError(f"{model.id} is not served so that it sees figures.", hint="Leave out --figure.")
    return ("text", "figure") if sees and figure is not False else ("text",)


def _subject(engine: EngineRecord, plan: Plan | None, machine: Machine) -> Subject:
    return Subject(
        model=engine.model,
        weights=engine.weights,
        engine=engine.engine,
        engine_version=engine.version or (plan.engine_version if plan else ""),
        machine=plan.machine_key if plan else machine.key,
        context=engine.context,
        sequences=engine.sequences,
    )


def _prediction(plan: Plan | None) -> Prediction | None:
    if plan is None:
        return None
    prompt: Prompt = "figure" if plan.sees and plan.images else "text"
    host = plan.budget.need("host")
    return Prediction(
        plan.speed.decode, plan.speed.first_token, prompt, plan.budget.need("device") * plan.gpus + host
    )


def _keep(screen: Screen, run: Run, folder: Path) -> None:
    """What was measured is shown even where it cannot be kept."""
    try:
        screen.say(f"Kept as {save(run, folder)}")
    except OSError as error:
        screen.say(f"warning: the run could not be kept in {folder}: {error.strerror}.")


def _list(screen: Screen, model: Model, runs: Sequence[Run], as_json: bool) -> None:
    if as_json:
        screen.json({"runs": [document(run) for run in runs]})
    elif runs:
        show_history(screen, runs)
    else:
        screen.say(f"{model.id} was never measured here. Run `kanoa-mlops bench {model.id}`.")
