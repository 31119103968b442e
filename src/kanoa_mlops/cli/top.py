"""`kanoa-mlops top`: a gateway and its backends at work, again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.memory import engine_bytes
from kanoa_mlops.cli.scrape import Scrape, scrape
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.cli.spent_at import spent_at
from kanoa_mlops.cli.today import Today, today
from kanoa_mlops.cli.top_frame import lines
from kanoa_mlops.cli.top_report import Frame, document, frame
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.runtime.containers.found import container_of, find_containers
from kanoa_mlops.runtime.state import ServerRecord, running_servers
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_duration

_EVERY_SECONDS = 1.0
_LOOKS = 10
"""What is counted is shown over as many looks: answers end one by one."""
_SLOWLY_SECONDS = 5.0
"""Memory and money want others to be asked."""


@click.command()
@options.port
@options.gateway_file
@click.option("--once", is_flag=True, help="Print one view and end; also where there is no terminal.")
@options.as_json
def command(port: int | None, gateway_file: Path | None, once: bool, as_json: bool) -> None:
    """A gateway and its backends at work, until Ctrl-C.

    BUSY is requests under way, of those that a backend works on at once. Tokens
    and requests are those of a second: of a model as its answers end, of a
    backend as its engine counts, `-` where it does not tell.
    """
    settings, screen = load_settings(), Screen()
    if gateway_file:
        spent_at(settings, gateway_file)  # what is wrong with it is said once, and not at every look
    view = _View(
        settings, front_door(settings, port or (settings.port if gateway_file else None)), gateway_file
    )
    try:
        view.look()
        if as_json or once or not screen.out.is_terminal:
            time.sleep(_EVERY_SECONDS)
            view.look()
        if as_json:
            screen.json(document(view.frame()))
        elif once or not screen.out.is_terminal:
            for line in lines(view.frame()):
                screen.print(line)
        else:
            _live(screen, view)
    except KeyboardInterrupt:
        return  # the way to end it


@dataclass
class _View:
    """What was seen of one gateway."""

    settings: Settings
    url: str
    gateway_file: Path | None = None
    """Where the budgets of a gateway alone are."""
    _looks: deque[Scrape] = field(default_factory=lambda: deque(maxlen=_LOOKS))
    _asked_at: float = float("-inf")
    _memory: Mapping[str, int] = field(default_factory=dict)
    _today: Today = field(default_factory=lambda: Today(None, {}))

    def look(self) -> None:
        """
        Raises:
            NothingServed, Failure: as of `scrape`.
        """
        self._looks.append(scrape(self.url))
        if time.monotonic() - self._asked_at >= _SLOWLY_SECONDS:
            server = self._server()
            self._memory, self._today = _memory(server), self._money(server)
            self._asked_at = time.monotonic()

    def frame(self) -> Frame:
        return frame(self.url, self._looks[0], self._looks[-1], self._memory, self._today)

    @property
    def age(self) -> float:
        """Seconds since the last look."""
        return time.monotonic() - self._looks[-1].at

    def _money(self, server: ServerRecord | None) -> Today:
        found = today(self.settings, self.gateway_file)
        # Those of a gateway alone are in a file that nobody named.
        return found if server or self.gateway_file else Today(found.micro, {})

    def _server(self) -> ServerRecord | None:
        """None of a gateway alone, whose engines somebody else runs."""
        running = running_servers(self.settings.servers_dir)
        return next((each for each in running if each.url == self.url), None)


def _live(screen: Screen, view: _View) -> None:
    from rich.live import Live
    from rich.text import Text

    def text(note: str = "") -> Text:
        return Text("\n".join(lines(view.frame(), note)), no_wrap=True, overflow="crop")

    with Live(text("looking"), console=screen.out, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            time.sleep(_EVERY_SECONDS)
            try:
                view.look()
                note = time.strftime("%H:%M:%S")
            except KanoaError as error:
                note = f"{error.message} Below is what was seen {format_duration(view.age)} ago."
            live.update(text(note), refresh=True)


def _memory(server: ServerRecord | None) -> Mapping[str, int]:
    """Bytes by backend; a server's backends have the names of their models."""
    if server is None:
        return {}
    containers = find_containers()
    sizes = {
        engine.model: engine_bytes(engine, container_of(containers, server.port, engine.model))
        for engine in server.engines
    }
    return {model: size for model, size in sizes.items() if size}
