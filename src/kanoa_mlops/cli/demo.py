"""`kanoa-mlops demo`: a figure, the real client, a model on this machine, and what it took."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.cli import options as shared
from kanoa_mlops.cli.demo_ground import Grounded, grounded, show_grounded
from kanoa_mlops.cli.request import Request
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.serve import serve
from kanoa_mlops.errors import Failure, MissingExtra
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import ServerRecord, running_servers, server_folder
from kanoa_mlops.runtime.stop import stop_server
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_duration

_CONTEXT = "A student's simulation for a physics course"
_FOCUS = "Say what the title and the axes are, over which range they go, and what the figure shows."
_LONGEST_ANSWER = 250
# Low, because a very small model wanders off quickly.
_TEMPERATURE = 0.2


@dataclass(frozen=True)
class Interpretation:
    """What the client got, and what it took."""

    model: str
    text: str
    input_tokens: int
    output_tokens: int
    first_token_seconds: float
    tokens_per_second: float
    cost_usd: float
    endpoint: str
    figure: str
    """How the figure reached the model, as the gateway said: 'ocr', or '' when the model saw it."""
    figure_file: Path
    grounded: Grounded | None = None
    """Of the second part."""


@click.command()
@shared.offline
@shared.as_json
def command(offline: bool, as_json: bool) -> None:
    """Interpret a figure with kanoa on this machine, from nothing.

    Uses the server that runs, or serves the smallest model for as long as it takes.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    _require_client()
    figure_file = settings.cache_dir / "demo" / "projectile.png"
    with _server(screen, settings) as server:
        result = _interpret(screen, server, figure_file, quiet=as_json)
        if not as_json:
            _report(screen, result)
            screen.say("\nNow with three documents of a physics course, one of them a PDF:\n")
        found = grounded(screen, settings, server, result.model, figure_file)
    if as_json:
        screen.json(asdict(replace(result, grounded=found)))
    else:
        show_grounded(screen, found)


def draw_projectile() -> Any:
    """A matplotlib figure of a thrown ball. Its formula forgot to square the time: the ball never falls."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    speed, gravity = 20.0, 9.81
    times = [step * 0.05 for step in range(81)]
    figure, axes = plt.subplots(figsize=(8, 4.5))
    axes.plot(times, [speed * t - 0.5 * gravity * t for t in times], label="v0 = 20 m/s")
    axes.set(title="Projectile height over time", xlabel="Time (s)", ylabel="Height (m)")
    axes.grid(True)
    axes.legend()
    return figure


@contextmanager
def _server(screen: Screen, settings: Settings) -> Iterator[ServerRecord]:
    """The server that runs, or one of our own that ends with the block."""
    for record in running_servers(settings.servers_dir):
        if record.ready:
            screen.say(f"Using the server at {record.url}.")
            yield record
            return
    catalog = load_catalog(settings.catalog_dir)
    request = Request(
        models=(find_model(catalog, settings.demo_model),),
        wish=Wish(),
        via="embedded",  # nothing else is sure to be here, and an image of gigabytes is not for a demo
        host="127.0.0.1",
        # One that nobody else can mean: what runs there is ours to end.
        port=free_port(),
    )
    try:
        started = serve(screen, settings, catalog, request, detach=True, quiet=True)
        assert started is not None, "a detached server is returned when it is ready"
        yield started
    finally:
        # Also when it was interrupted while starting: nothing that the demo started stays.
        folder = server_folder(settings.servers_dir, request.port)
        if last := folder.read():
            stop_server(folder, last)


def _interpret(screen: Screen, server: ServerRecord, figure_file: Path, *, quiet: bool) -> Interpretation:
    import openai
    from kanoa import AnalyticsInterpreter, options

    # Its warning that a local model has no price would stand in the middle of the answer.
    options.verbose = 0
    figure = draw_projectile()
    figure_file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(figure_file, bbox_inches="tight")
    screen.say(f"The figure: {figure_file}")
    interpreter = AnalyticsInterpreter(
        backend="openai",
        api_base=f"{server.url}/v1",
        model=server.models[0],
        # Named, since the client would otherwise send a real OPENAI_API_KEY it finds in the environment.
        api_key="local",
        max_tokens=_LONGEST_ANSWER,
        temperature=_TEMPERATURE,
    )
    headers = _watch_headers(interpreter)
    began, first, text, usage = time.monotonic(), 0.0, [], None
    stream = interpreter.interpret(
        fig=figure, context=_CONTEXT, focus=_FOCUS, stream=True, display_result=False
    )
    try:
        for chunk in stream:
            if chunk.type == "text" and chunk.content:
                first = first or time.monotonic() - began
                text.append(chunk.content)
                if not quiet:
                    click.echo(chunk.content, nl=False)
            usage = chunk.usage or usage
    except openai.OpenAIError as error:
        raise Failure(f"The server gave an error: {error}", hint="Run `kanoa-mlops logs`.") from error
    total = time.monotonic() - began
    if usage is None or not text:
        raise Failure("The model gave no answer.", hint="Run `kanoa-mlops logs`.")
    return Interpretation(
        model=server.models[0],
        text="".join(text),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        first_token_seconds=round(first, 3),
        tokens_per_second=round((usage.output_tokens - 1) / max(total - first, 1e-9), 1),
        cost_usd=usage.cost,
        endpoint=f"{server.url}/v1",
        figure=headers.get("x-kanoa-figure", ""),
        figure_file=figure_file,
    )


def _watch_headers(interpreter: Any) -> dict[str, str]:
    """The headers of the client's answers, which it keeps to itself: filled as they arrive."""
    seen: dict[str, str] = {}
    backend = interpreter.backend
    http = backend.client._client
    http.event_hooks = {"response": [lambda response: seen.update(response.headers)]}
    return seen


def _report(screen: Screen, result: Interpretation) -> None:
    way = (
        f"read by {result.figure.upper()}: the model cannot see, it was given the text"
        if result.figure
        else "seen by the model"
    )
    lines = {
        "Model": result.model,
        "Tokens": f"{result.input_tokens} in, {result.output_tokens} out",
        "Speed": f"{result.tokens_per_second:.0f} tokens/s",
        "First token": f"after {format_duration(result.first_token_seconds)}",
        "Cost": f"${result.cost_usd:.2f}, electricity not counted",
        "Where": f"this machine, {result.endpoint}; nothing left it",
        "Figure": way,
    }
    screen.say("\n")
    for name, value in lines.items():
        screen.say(f"{name:<12} {value}")


def _require_client() -> None:
    missing = [name for name in ("kanoa", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(f"The demo needs {' and '.join(missing)}.", hint="pip install 'kanoa-mlops[all]'")
