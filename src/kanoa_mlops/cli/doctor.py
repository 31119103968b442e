"""`kanoa-mlops doctor`: what this machine is, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from kanoa_mlops import __version__
from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Machine
from kanoa_mlops.cli import options
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.cli.inventory import show_machine
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.diagnosis import diagnose
from kanoa_mlops.runtime.ports import require_free
from kanoa_mlops.runtime.state import running_servers
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.disk import free_bytes
from kanoa_mlops.weights.store import on_disk


@dataclass(frozen=True)
class Check:
    """One line of the report. `fix` is a command, where there is something to mend."""

    name: str
    ok: bool
    found: str
    fix: str = ""


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """What this machine is, what is installed, and what is missing.

    Exits 1 when something needed to serve is missing.
    """
    settings, screen = load_settings(), Screen()
    catalog = load_catalog(settings.catalog_dir)
    machine = equipped_machine(catalog, settings)
    checks = list(_checks(settings, catalog, machine))
    if as_json:
        screen.json(
            {
                "machine": machine.model_dump(mode="json") | {"key": machine.key},
                "checks": [asdict(check) for check in checks],
            }
        )
    else:
        show_machine(screen, machine, catalog)
        screen.table(["", "CHECK", "FOUND"], [["ok" if c.ok else "--", c.name, c.found] for c in checks])
        for check in checks:
            if not check.ok and check.fix:
                screen.say(f"{check.name}: {check.fix}")
        if all(check.ok for check in checks):
            screen.say("Nothing is missing. `kanoa-mlops demo` shows it at work.")
    if any(not check.ok and check.name in _NEEDED for check in checks):
        raise click.exceptions.Exit(1)


_PATIENCE_SECONDS = 60
_NEEDED = ("engine", "memory", "disk", "port")


def _checks(settings: Settings, catalog: Catalog, machine: Machine) -> Iterator[Check]:
    yield Check("kanoa-mlops", True, f"{__version__}, Python {platform.python_version()}")
    yield _memory(settings, catalog, machine)
    yield _disk(settings)
    yield _engine()
    yield _figures()
    yield _package("client", "kanoa", "kanoa", "kanoa")
    yield _weights(settings, catalog)
    yield _port(settings)


def _memory(settings: Settings, catalog: Catalog, machine: Machine) -> Check:
    """Whether the model that `demo` needs, or the one that was set, would fit."""
    name = settings.default_model or settings.demo_model
    held = f"{format_bytes(machine.memory_available)} free"
    try:
        made = choose(find_model(catalog, name), machine, Wish(), catalog).plan
    except KanoaError as error:
        return Check("memory", False, held, f"{error.message} {error.hint}")
    found = f"{held}; {name} takes {format_bytes(made.memory_bytes)}"
    return Check("memory", made.fits, found, "" if made.fits else f"kanoa-mlops plan {name}")


def _disk(settings: Settings) -> Check:
    free = free_bytes(settings.cache_dir)
    fix = "" if free > 2**30 else "Free some room, or set KANOA_MLOPS_CACHE_DIR to another disk."
    return Check("disk", not fix, f"{format_bytes(free)} free for weights in {settings.cache_dir}", fix)


def _engine() -> Check:
    check = _package("engine", "xllamacpp", "llama.cpp", "embedded")
    if not check.ok:
        return check
    # In a process of its own: whether native code loads on this system is only known by loading it.
    loaded = subprocess.run(
        [sys.executable, "-c", "import xllamacpp"], capture_output=True, text=True, timeout=_PATIENCE_SECONDS
    )
    if loaded.returncode == 0:
        return check
    found = diagnose(loaded.stderr, loaded.returncode, "llama.cpp")
    return Check("engine", False, f"{check.found} does not load: {found.reason}", found.hint)


def _package(name: str, package: str, title: str, extra: str) -> Check:
    if importlib.util.find_spec(package) is None:
        return Check(name, False, f"{title} is not installed", f"pip install 'kanoa-mlops[{extra}]'")
    return Check(name, True, f"{title} ({package} {importlib.metadata.version(package)})")


def _figures() -> Check:
    # The reader drags in an OCR engine; only this check pays for it.
    from kanoa_mlops.gateway.ocr import ocr_available

    reason = ocr_available()
    return Check(
        "figures", not reason, reason or "read by OCR for models that cannot see", _figures_fix(reason)
    )


def _figures_fix(reason: str) -> str:
    return "pip install 'kanoa-mlops[figures]'" if reason and "apt-get" not in reason else ""


def _weights(settings: Settings, catalog: Catalog) -> Check:
    held = [each for each in on_disk(catalog.models.values(), settings) if each.complete]
    if not held:
        return Check("weights", False, "none on disk yet", "kanoa-mlops pull, or kanoa-mlops demo")
    size = sum(each.bytes_whole for each in held)
    return Check("weights", True, f"{', '.join(each.model_id for each in held)} ({format_bytes(size)})")


def _port(settings: Settings) -> Check:
    for record in running_servers(settings.servers_dir):
        if record.port == settings.port:
            return Check("port", True, f"{settings.port}: our own server, {', '.join(record.models)}")
    try:
        require_free(settings.host, settings.port)
    except KanoaError as error:
        return Check("port", False, error.message, error.hint)
    return Check("port", True, f"{settings.port} is free on {settings.host}")
