"""`kanoa-mlops gateway` as a process, for tests of commands that look at one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from kanoa_mlops.runtime.ports import free_port
from tests.conftest import PROGRAM, wait_for_health


@contextmanager
def gateway(home: Path, config: Mapping[str, Any]) -> Iterator[int]:
    """Its port, once a model of it answers. It keeps its books in the person's own folders."""
    path, log, port = home / "gateway.yaml", home / "gateway.log", free_port()
    path.write_text(yaml.safe_dump(dict(config)))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "gateway", "--config", path, "--port", str(port)], stdout=output, stderr=output
        )
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process, log)
        yield port
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0, log.read_text()
