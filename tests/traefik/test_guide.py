"""The guide's way from nothing to two machines, typed as it stands there; only addresses are others."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs.guides import GUIDES
from kanoa_mlops.runtime.ports import free_port
from tests.fakes.engine import FakeEngine
from tests.postgres import PROGRAMS, Postgres
from tests.traefik.conftest import Authority

GUIDE = (GUIDES / "behind-traefik.md").read_text(encoding="utf-8")
[WAY] = re.findall(r"^## From nothing to two machines\n(.*?)^## ", GUIDE, re.DOTALL | re.MULTILINE)
[TRIAL] = re.findall(r"^## To try it on one machine\n.*?^```bash\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"^```(bash|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SERVER = re.compile(r"^(?:kanoa-mlops gateway|traefik) .*$", re.MULTILINE)
NAME = "guide_reader"
"""For the guide's `kanoa`, who is the administrator of the tests' server."""
WORD = "Tr0ub4dor and 3"


@pytest.fixture
def server(postgres: Postgres) -> Iterator[Postgres]:
    yield postgres
    postgres.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    postgres.execute(f"DROP ROLE IF EXISTS {NAME}")


async def test_its_commands_lead_there(home: Path, authority: Authority, server: Postgres) -> None:
    async with FakeEngine() as engine:
        typed = _typed(home, authority, server, engine)
        done = await asyncio.to_thread(_run, typed, home, authority, server)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "The sales rise." in done.stdout
    assert re.search(r"^ ?anna +1 +0 ", done.stdout, re.MULTILINE), (
        "the ledger knows who asked, and that it was one"
    )
    assert [each.headers["authorization"] for each in engine.received if each.body] == [
        "Bearer of-the-engine"
    ]
    entries = server.execute("SELECT count(*) FROM kanoa_mlops.entries", server.url(NAME))
    assert entries == [(1,)]


async def test_a_trial_needs_no_network_and_no_authority(
    home: Path, authority: Authority, server: Postgres
) -> None:
    gateway, https, http = (str(free_port()) for _ in range(3))
    async with FakeEngine() as engine:
        backend = f"{{model: smollm2, url: {engine.url}, engine: other, context: 4096}}"
        (home / "gateway.yaml").write_text(f"backends:\n  - {backend}\n")
        typed = TRIAL
        for there, here in {
            "gateway --config gateway.yaml": f"gateway --port {gateway} --config gateway.yaml",
            "render traefik": f"render traefik --port {https} --http-port {http}",
            "127.0.0.1:8000": f"127.0.0.1:{gateway}",
            "localhost:8443": f"localhost:{https}",
        }.items():
            assert there in typed, there
            typed = typed.replace(there, here)
        typed = re.sub(r" +# .*", "", typed)
        typed = _beside(typed, f"http://127.0.0.1:{gateway}/health", f"https://localhost:{https}/")
        ask = typed[typed.rindex("curl ") :].replace("$KEY", "nobody").replace("--fail-with-body", "")
        done = await asyncio.to_thread(_run, typed + ask, home, authority, server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"smollm2"' in done.stdout
    assert done.stdout.count("The sales rise.") == 1, "who has no key is not let in"
    assert "invalid_api_key" in done.stdout


def _typed(home: Path, authority: Authority, server: Postgres, engine: FakeEngine) -> str:
    """The blocks as one script, in which what serves goes on beside it until the end."""
    one, other, https, http = (str(free_port()) for _ in range(4))
    (home / "engine.key").write_text("of-the-engine")
    word = home / ".config" / "kanoa" / "books.password"
    word.parent.mkdir(parents=True)
    word.write_text(WORD)
    for name in ("cert.pem", "key.pem"):
        (home / name).write_bytes((authority.folder / name).read_bytes())
    blocks = _BLOCK.findall(WAY)
    [config] = [text for kind, text in blocks if kind == "yaml"]
    config = config.replace("http://10.0.0.7:8001", engine.url)
    assert yaml.safe_load(config)["backends"][0]["url"] == engine.url
    (home / "gateway.yaml").write_text(config)
    typed = "".join(text for kind, text in blocks if kind == "bash")
    for there, here in {
        "10.0.0.5:8000": f"127.0.0.1:{one}",
        "10.0.0.6:8000": f"127.0.0.1:{other}",
        "--host 10.0.0.5 --port 8000": f"--host 127.0.0.1 --port {one}",
        "--host 10.0.0.6 --port 8000": f"--host 127.0.0.1 --port {other}",
        "--host 0.0.0.0 --port 443 --http-port 80": f"--port {https} --http-port {http}",
        "--name llm.example.org": "--name localhost",
        "llm.example.org": f"localhost:{https}",
        "kanoa@db.example:5432/kanoa": f"{NAME}@127.0.0.1:{server.port}/{NAME}",
        "createuser --pwprompt kanoa": f"createuser --pwprompt {NAME}",
        "--owner=kanoa kanoa": f"--owner={NAME} {NAME}",
    }.items():
        assert there in typed, there
        typed = typed.replace(there, here)
    typed = re.sub(r"^pip install .*\n", "", typed, flags=re.MULTILINE)
    looks = [
        f"http://127.0.0.1:{one}/health",
        f"http://127.0.0.1:{other}/health",
        f"https://localhost:{https}/",
    ]
    return _beside(typed, *looks)


def _beside(typed: str, *looks: str) -> str:
    """What serves goes on beside the script, which waits until it does."""
    assert len(_SERVER.findall(typed)) == len(looks)
    urls = iter(looks)
    return _SERVER.sub(lambda line: f"{line[0]} &\nserves {next(urls)}", typed)


_BEFORE = """\
set -eu
trap 'kill $(jobs -p)' EXIT
serves() {
  curl --insecure --silent --fail --output /dev/null --retry 300 --retry-all-errors --retry-delay 1 "$1"
}
booked() { until kanoa-mlops usage --by key | grep --quiet anna; do sleep 0.2; done; }
"""


def _run(typed: str, home: Path, authority: Authority, server: Postgres) -> subprocess.CompletedProcess[str]:
    paths = (Path(sys.executable).parent, PROGRAMS, os.environ["PATH"])
    environment = {
        "PATH": os.pathsep.join(map(str, paths)),
        "HOME": str(home),
        "CURL_CA_BUNDLE": str(authority.folder / "ca.pem"),
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "kanoa",
        "PGPASSWORD": server.password,
        "PGDATABASE": "postgres",
    }
    # Without a terminal, what would be typed there is taken from the input.
    return subprocess.run(
        ["bash", "-c", _BEFORE + typed.replace("kanoa-mlops usage", "booked\nkanoa-mlops usage")],
        cwd=home,
        env=environment,
        input=f"{WORD}\n{WORD}\n",
        capture_output=True,
        text=True,
        timeout=180,
        start_new_session=True,
    )
