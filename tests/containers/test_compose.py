"""What `render compose` writes, run by the real Podman Compose: real llama.cpp, gateway and Traefik."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml

import kanoa_mlops
from kanoa_mlops import __version__
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.render.compose import TRAEFIK
from kanoa_mlops.render.compose_gateway import GATEWAY
from kanoa_mlops.runtime.ports import free_port
from tests.boxes import Podman, Rootfs, Store, image, python_image
from tests.conftest import MODEL, PROGRAM
from tests.e2e.conftest import until

pytestmark = pytest.mark.containers

_SITE = Path(sysconfig.get_path("purelib"))
_SOURCE = Path(kanoa_mlops.__file__).parents[1]
_PROGRAM = f"""\
import sys
sys.path[:0] = [{str(_SOURCE)!r}, {str(_SITE)!r}]
from kanoa_mlops.cli.main import main
main()
"""


@pytest.fixture(scope="session")
def parts(podman: Podman, store: Store, llama_image: str) -> None:
    """The images that the file names, under those names."""
    podman.show(_SITE, _SOURCE)
    # The one package that is copied brings the system's libraries that the others want too.
    packages = {"pydantic_core": "pydantic_core"}
    python_image(store, f"{GATEWAY}:{__version__}", {"/usr/local/bin/kanoa-mlops": _PROGRAM}, packages)
    binary = Path(sys.executable).with_name("traefik")

    def root() -> Iterator[Rootfs]:
        made = Rootfs()
        made.add(binary, "/usr/local/bin/traefik")
        yield made

    image(store, TRAEFIK, [TRAEFIK, str(binary.stat().st_size)], root(), 'ENTRYPOINT ["traefik"]')


@pytest.fixture
def rendered(home: Path, weights_file: Path, parts: None, catalog: Catalog) -> Iterator[tuple[Path, int]]:
    with rendering(home, weights_file) as made:
        yield made


@contextmanager
def rendering(home: Path, weights_file: Path, *options: str) -> Iterator[tuple[Path, int]]:
    """A folder that was rendered twice, and the port; what runs in it ends with the block."""
    target = home / "cache" / "weights" / MODEL / weights_file.parent.name
    target.mkdir(parents=True)
    shutil.copy2(weights_file, target)
    open_to_all(home)
    folder, port = home / "compose", free_port()
    asked: list[str | Path] = [
        PROGRAM,
        "render",
        "compose",
        MODEL,
        "--tool",
        "podman",
        "--engine",
        "llama.cpp",
        "-o",
        folder,
        *options,
    ]
    for _ in range(2):
        subprocess.run([*asked, "--port", str(port), "--context", "2048", "--offline"], check=True)
    try:
        yield folder, port
    finally:
        run(folder, "down", "--time", "1", "--volumes")


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(compose(folder, *arguments), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def compose(folder: Path, *arguments: str) -> list[str]:
    program = str(Path(sys.executable).with_name("podman-compose"))
    paths = [folder / "compose.yaml", *folder.glob("compose.override.yaml")]
    files = [word for path in paths for word in ("--file", str(path))]
    return [program, "--in-pod", "false", *files, *arguments]


def open_to_all(folder: Path) -> None:
    """The temporary folder is this user's alone, and the administrator is nobody in a container."""
    for path in (folder, *folder.parents):
        if path.is_relative_to(os.environ.get("TMPDIR", "/tmp")) and path.stat().st_uid == os.getuid():
            path.chmod(path.stat().st_mode | 0o755)


def status_of(url: str, headers: dict[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def inspected(service: str) -> dict[str, Any]:
    name = f"kanoa-mlops_{service}_1"
    told = subprocess.run(["podman", "inspect", name], check=True, capture_output=True, text=True)
    [found] = json.loads(told.stdout)
    assert isinstance(found, dict)
    return found


def ready(url: str) -> bool:
    try:
        return status_of(f"{url}/health") == 200
    except OSError:
        return False


def test_an_answer_comes_through_traefik(rendered: tuple[Path, int]) -> None:
    folder, port = rendered
    url = f"http://127.0.0.1:{port}"
    [words] = first_key(folder)
    key, *_ = run(folder, *words, "anna").splitlines()
    run(folder, "up", "--detach")
    until(lambda: ready(url), seconds=120)
    answers(url, key)
    with pytest.raises(openai.AuthenticationError, match="keys add NAME"):
        answers(url, "local")
    foreign = status_of(f"{url}/health", {"host": "evil.example"})
    assert foreign == 404, "a page that rebinds DNS gets nothing"
    _walls_hold(folder, key)
    _outlives(folder, url, key)


def first_key(folder: Path) -> list[list[str]]:
    """As the file's second line says it, less the name; one after another."""
    _, line, *_ = (folder / "compose.yaml").read_text().splitlines()
    commands = [each.split() for each in line.rpartition(": ")[2].removesuffix(" NAME").split(" && ")]
    assert all(words[:2] == ["podman", "compose"] for words in commands)
    return [words[2:] for words in commands]


def answers(url: str, key: str) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key)
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert answer.choices[0].message.content
    pieces = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Count."}], max_tokens=8, stream=True
    )
    assert len([piece for piece in pieces if piece.choices and piece.choices[0].delta.content]) > 1


def _outlives(folder: Path, url: str, key: str) -> None:
    """Keys and ledger are those of before, where nothing else is."""
    run(folder, "down", "--time", "5")
    run(folder, "up", "--detach")
    until(lambda: ready(url), seconds=120)
    answers(url, key)

    def used() -> int:
        [anna] = json.loads(run(folder, "run", "--rm", "-T", "gateway", "usage", "--by", "key", "--json"))[
            "rows"
        ]
        return int(anna["requests"])

    until(lambda: used() == 4, seconds=60)


def _walls_hold(folder: Path, persons_key: str) -> None:
    written = yaml.safe_load((folder / "compose.yaml").read_text())
    services = list(written["services"])
    assert services == [MODEL, "gateway", "traefik"]
    key = (folder / "secrets" / f"key-{MODEL}").read_text()
    for service in services:
        found = inspected(service)
        assert found["Config"]["User"].split(":")[0] not in ("", "0", "root"), service
        assert found["HostConfig"]["ReadonlyRootfs"] is True, service
        assert not found["EffectiveCaps"], service
        assert key not in json.dumps(found), service
        assert persons_key not in json.dumps(found), service
        published = [each for each in found["NetworkSettings"]["Ports"].values() if each]
        assert bool(published) == (service == "traefik"), "the others are reached by nobody outside"
        for [port] in published:
            assert port["HostIp"] == "127.0.0.1"
    networks = inspected(MODEL)["NetworkSettings"]["Networks"]
    assert [name.rpartition("_")[2] for name in networks] == ["engines"]
    assert key not in (folder / "compose.yaml").read_text() + (folder / "gateway.yaml").read_text()
    assert written["networks"]["engines"] == {"internal": True}
