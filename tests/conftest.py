"""Fixtures shared by all tests. Real parts are started once a session."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull
from tests.postgres import Postgres
from tests.seeing import write_random_mmproj

MODEL = "smollm2-135m-instruct"
PROGRAM = Path(sys.executable).parent / "kanoa-mlops"

# How long an example takes says more of the machine than of what is tested.
hypothesis.settings.register_profile(
    "any machine",
    hypothesis.settings.default,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def clean_environment() -> Iterator[None]:
    """No test sees another's environment, nor the person's settings of this project."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("KANOA_", "HF_", "OPENAI_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A person's folders of their own: config, cache and state."""
    for name, path in {
        "KANOA_MLOPS_CONFIG": tmp_path / "config" / "mlops.toml",
        "KANOA_MLOPS_CATALOG_DIR": tmp_path / "config" / "catalog",
        "KANOA_MLOPS_CACHE_DIR": tmp_path / "cache",
        "KANOA_MLOPS_STATE_DIR": tmp_path / "state",
        "HF_HOME": tmp_path / "huggingface",
    }.items():
        os.environ[name] = str(path)
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real server; each test makes databases of its own in it."""
    server = Postgres()
    server.start()
    yield server
    server.end()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def weights_file(catalog: Catalog) -> Path:
    """The real SmolLM2 weights, in the person's own cache so that they come down once a machine."""
    model = catalog.models[MODEL]
    return pull(model.weights[0], model.id, load_settings(), SilentProgress())[0]


@pytest.fixture(scope="session")
def engine_url(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real llama.cpp with real weights, without a key."""
    with real_engine(weights_file, tmp_path_factory.mktemp("engine")) as url:
        yield url


@pytest.fixture(scope="session")
def mmproj_file(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vision tower with random weights for SmolLM2; see `tests.seeing`."""
    path = tmp_path_factory.mktemp("mmproj") / "mmproj.gguf"
    write_random_mmproj(catalog.models[MODEL], path)
    return path


@pytest.fixture(scope="session")
def seeing_engine_url(
    weights_file: Path, mmproj_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A real llama.cpp that takes images; what it sees is noise. Without a key."""
    folder = tmp_path_factory.mktemp("seeing_engine")
    with real_engine(weights_file, folder, alias="seeing", mmproj=mmproj_file) as url:
        yield url


@contextmanager
def real_engine(
    weights: Path, folder: Path, *more: str, alias: str = MODEL, mmproj: Path | None = None
) -> Iterator[str]:
    """llama.cpp on a free port for as long as the block; its log is in `folder`. `more`: flags of its own."""
    with real_process(weights, folder, *more, alias=alias, mmproj=mmproj) as (url, _):
        yield url


@contextmanager
def real_process(
    weights: Path, folder: Path, *more: str, alias: str = MODEL, mmproj: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same, for who wants to do something to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags: dict[str, object] = {
        "--model": weights,
        "--alias": alias,
        "--port": port,
        "--ctx-size": 8192,
        "--parallel": 2,
        "--threads": 2,
        "--cache-ram": 64,
    }
    if mmproj:
        flags["--mmproj"] = mmproj
    argv = [*(str(word) for pair in flags.items() for word in pair), *more]
    log = folder / "engine.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kanoa_mlops.runtime.embedded", *argv],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_health(url, process, log)
        yield url, process
    finally:
        process.kill()
        process.communicate()


def wait_for_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            error.close()  # 503 while it loads
        except OSError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError(f"{url} did not become healthy:\n{log.read_text()}")
