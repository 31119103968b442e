"""`kanoa mlops` is the same program, and costs the `kanoa` command next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
# What takes long to import, or opens the network, has no business in a plugin that every `kanoa` call loads.
HEAVY = {
    "aiohttp", "asyncio", "click", "numpy", "PIL", "platformdirs", "prometheus_client", "psutil", "pydantic",
    "rapidocr_onnxruntime", "rich", "socket", "ssl", "subprocess", "xllamacpp", "yaml",
}  # fmt: skip


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=120)


def test_importing_the_plugin_loads_nothing_heavy() -> None:
    code = "import sys, kanoa_mlops.plugin; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run(sys.executable, "-c", code).stdout.split())
    assert "kanoa_mlops" in loaded
    assert not loaded & HEAVY


@pytest.mark.e2e
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["models", "--json"], ["status", "--json"], ["serve", "--help"]],
    ids=" ".join,
)
def test_kanoa_mlops_by_both_names_is_the_same(home: Path, arguments: list[str]) -> None:
    ours = run(BIN / "kanoa-mlops", *arguments)
    theirs = run(BIN / "kanoa", "mlops", *arguments)
    assert ours.returncode == 0, ours.stderr
    assert theirs.stdout == ours.stdout.replace("Usage: kanoa-mlops", "Usage: kanoa mlops")
    assert theirs.returncode == ours.returncode


@pytest.mark.e2e
def test_the_exit_code_reaches_the_shell(home: Path) -> None:
    failed = run(BIN / "kanoa", "mlops", "pull", "no-such-model")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "There is no model called 'no-such-model'" in failed.stderr
