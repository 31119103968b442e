"""What is being served, on disk: one folder a port, so that any command can find it again.

The file says what the server last wrote; whether that is still true is asked of the processes
(`Server.standing`), so a kill -9 or a reboot is never mistaken for a running server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from kanoa_mlops.runtime.identity import Identity


class Standing(StrEnum):
    """How a server stands, asked of its processes."""

    RUNNING = "running"
    FAILED = "failed"
    """It ended by itself, and wrote why."""
    GONE = "gone"
    """Its process was killed, or the machine restarted."""


@dataclass(frozen=True)
class EngineRecord:
    """One engine as its server last saw it."""

    model: str
    weights: str
    engine: str
    state: Literal["loading", "ready", "asleep", "down"]
    context: int
    sequences: int
    planned_bytes: int
    port: int = 0
    identity: Identity | None = None
    reason: str = ""
    restarts: int = 0
    url: str = ""
    """Where it answers, where that is not `port` of loopback."""
    upstream_model: str = ""
    """What the engine calls the model, where that is not `model`."""
    version: str = ""
    """Of the engine; '' where it did not tell."""
    way: str = ""
    """How it is run: 'embedded', 'native', 'docker', 'podman', 'daemon'."""
    used_bytes: int | None = None
    """Held by the engine, as it said itself; None where it does not tell."""


@dataclass(frozen=True)
class ServerRecord:
    """One server: a gateway and its engines."""

    host: str
    port: int
    identity: Identity
    command: tuple[str, ...]
    """What to give to `serve` to have the same again."""
    engines: tuple[EngineRecord, ...]
    ready: bool = False
    failure: str = ""
    hint: str = ""
    version: Literal[1] = 1
    """Of the format; another one is not read."""

    @property
    def standing(self) -> Standing:
        if self.failure:
            return Standing.FAILED
        return Standing.RUNNING if self.identity.alive else Standing.GONE

    @property
    def url(self) -> str:
        """Where a client on this machine reaches it."""
        return f"http://{reachable(self.host)}:{self.port}"

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(engine.model for engine in self.engines)

    def with_engine(self, record: EngineRecord) -> ServerRecord:
        """A copy in which the record of this model is replaced."""
        return replace(
            self, engines=tuple(record if each.model == record.model else each for each in self.engines)
        )


_RECORD = TypeAdapter(ServerRecord)


@dataclass(frozen=True)
class ServerFolder:
    """The files of one server."""

    path: Path

    @property
    def port(self) -> int:
        """Of the server."""
        return int(self.path.name)

    @property
    def lock(self) -> Path:
        """Held by the server for as long as it lives."""
        return self.path / "server.lock"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def console(self) -> Path:
        """What a detached server printed, for the time before its log is open."""
        return self.path / "console.log"

    def engine_log(self, model: str) -> Path:
        return self.path / f"{model}.log"

    def engine_key(self, model: str) -> Path:
        return self.path / f"{model}.key"

    def read(self) -> ServerRecord | None:
        """None where there is no record, or one (of another version) that cannot be understood."""
        try:
            return _RECORD.validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, record: ServerRecord) -> None:
        """Whole or not at all, so that a reader never sees half a record."""
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(_RECORD.dump_json(record, indent=1))
        fresh.replace(self._file)

    def clear(self) -> None:
        """Forget the server; its logs stay."""
        for path in (self._file, *self.path.rglob("*.key")):
            path.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.path / "server.json"


def server_folder(servers_dir: Path, port: int) -> ServerFolder:
    return ServerFolder(servers_dir / str(port))


def known_servers(servers_dir: Path) -> Iterator[tuple[ServerFolder, ServerRecord]]:
    """Every server with a record, by port."""
    ports = sorted(int(path.name) for path in servers_dir.glob("*") if path.name.isdecimal())
    for port in ports:
        folder = server_folder(servers_dir, port)
        if record := folder.read():
            yield folder, record


def running_servers(servers_dir: Path) -> Iterator[ServerRecord]:
    """Those whose process lives, by port."""
    return (record for _, record in known_servers(servers_dir) if record.standing is Standing.RUNNING)


def reachable(host: str) -> str:
    """An address that listens everywhere is reached by loopback; IPv6 wants brackets in a URL."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
