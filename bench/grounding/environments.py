"""Virtual environments of others' packages, made once and kept beside this machine's other caches."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import platformdirs

CACHE = platformdirs.user_cache_path("kanoa-mlops-bench") / "grounding"

_DONE = ".installed"


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The Python of a virtual environment with these and nothing else of ours.

    Raises:
        subprocess.CalledProcessError: pip could not install them; its words are on the terminal.
    """
    digest = hashlib.sha256(json.dumps([sys.version, *requirements]).encode()).hexdigest()[:8]
    folder = CACHE / "environments" / f"{name}-{digest}"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / _DONE).exists():
        print(f"Installing {' '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=False)
        subprocess.run([*_installer(python), *requirements], check=True)
        (folder / _DONE).touch()
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Of distributions in an environment, by name."""
    code = (
        "import json, sys; from importlib.metadata import version; "
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True)
    return {str(name): str(found) for name, found in json.loads(done.stdout).items()}


def _installer(python: Path) -> list[str]:
    """uv where there is one, which takes a fraction of the time; pip of this environment into that one."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", str(python)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    return [*pip, "install", "-qq"]
