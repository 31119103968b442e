"""What a distribution brings with it, how long it takes to import, and the memory it then has."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.grounding.environments import environment
from bench.grounding.frameworks_table import Framework

_INSTALLED = """
import json, sysconfig
from importlib.metadata import distributions
found = {each.metadata["Name"].lower().replace("_", "-"): each.version for each in distributions()}
print(json.dumps({"versions": found, "folder": sysconfig.get_path("purelib")}))
"""
_IMPORTED = """
import json, resource, sys, time
began = time.perf_counter()
exec(sys.argv[1])
seconds = time.perf_counter() - began
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print("\\n" + json.dumps([seconds, most]))
"""

_QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MEM0_TELEMETRY": "False",
}
"""Some call home or fetch a list while they are imported; what waits for a network is not measured."""


@dataclass(frozen=True)
class Footprint:
    name: str
    version: str
    distributions: int
    bytes: int
    import_seconds: float
    memory_bytes: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def footprint(framework: Framework, runs: int) -> Footprint:
    """Raises:
    subprocess.CalledProcessError: it cannot be installed or imported here.
    """
    python = environment(f"survey-{framework.label}", framework.requirements)
    installed = json.loads(_output(python, _INSTALLED))
    versions: dict[str, str] = installed["versions"]
    _output(python, _IMPORTED, framework.imports)  # compiles
    imports = [_import(python, framework.imports) for _ in range(runs)]
    return Footprint(
        framework.label,
        versions[framework.name],
        len(versions),
        sum(path.lstat().st_size for path in _files(Path(installed["folder"]))),
        statistics.median(seconds for seconds, _ in imports),
        round(statistics.median(most for _, most in imports)),
    )


def _import(python: Path, code: str) -> tuple[float, int]:
    seconds, most = json.loads(_output(python, _IMPORTED, code).splitlines()[-1])
    return float(seconds), int(most)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _output(python: Path, code: str, *arguments: str) -> str:
    environ = {**os.environ, **_QUIET}
    command = [str(python), "-c", code, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout
