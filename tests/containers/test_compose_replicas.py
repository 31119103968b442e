"""Two gateways and a Postgres, as `render compose --replicas 2` writes them, run by real Podman Compose."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import yaml

from kanoa_mlops.render.compose_books import PASSWORD
from tests.boxes import Store, postgres_image
from tests.conftest import MODEL
from tests.containers.test_compose import answers, first_key, inspected, parts, ready, rendering, run
from tests.e2e.conftest import until

__all__ = ["parts"]
pytestmark = pytest.mark.containers

_SERVICES = [MODEL, "postgres", "gateway", "gateway-2", "traefik"]
_GATEWAYS = ["gateway", "gateway-2"]
_LOOK = """\
import sys, urllib.error, urllib.request as web
headers = {"authorization": "Bearer " + sys.stdin.read(), "content-type": "application/json"}
try:
    web.urlopen(web.Request(sys.argv[1], b"{}", headers))
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def rendered(home: Path, weights_file: Path, parts: None, store: Store) -> Iterator[tuple[Path, int]]:
    with rendering(home, weights_file, "--replicas", "2") as (folder, port):
        # What is made here cannot have the digest of another.
        here = postgres_image(store, "localhost/kanoa-mlops-test/postgres:18")
        override = {"services": {"postgres": {"image": here}}}
        (folder / "compose.override.yaml").write_text(yaml.safe_dump(override))
        yield folder, port


def test_keys_are_of_both_and_one_may_leave(rendered: tuple[Path, int]) -> None:
    folder, port = rendered
    url = f"http://127.0.0.1:{port}"
    key = _key(folder)
    run(folder, "up", "--detach")
    until(lambda: ready(url), seconds=120)
    until(lambda: all(_knows(gateway, key) for gateway in _GATEWAYS), seconds=60)
    assert not any(_knows(gateway, "kanoa-no-such-key") for gateway in _GATEWAYS)
    answers(url, key)
    _reads_as_compose(folder)
    _keeps_the_password(folder)
    _ask_again_for_names()
    _cuts_nothing(url, key, leaving="gateway")
    # Nothing else outlives it.
    run(folder, "down", "--time", "5")
    run(folder, "up", "--detach")
    until(lambda: ready(url), seconds=120)
    answers(url, key)


def _key(folder: Path) -> str:
    *before, words = first_key(folder)
    assert before == [["up", "--detach", "--wait", "postgres"]]
    for each in before:
        run(folder, *each)
    # This Podman may be too old to wait for it.
    until(lambda: _healthy("postgres"), seconds=60)
    told = run(folder, *words, "anna").splitlines()
    [key] = [line for line in told if line.startswith("kanoa-") and not line.startswith("kanoa-mlops_")]
    return key


def _healthy(service: str) -> bool:
    """By the check that the file gives it."""
    asked = ["podman", "healthcheck", "run", f"kanoa-mlops_{service}_1"]
    return subprocess.run(asked, capture_output=True).returncode == 0


def _knows(gateway: str, key: str) -> bool:
    """Asked by the other: who asks himself is the owner."""
    [other] = set(_GATEWAYS) - {gateway}
    asked = ["podman", "exec", "--interactive", f"kanoa-mlops_{other}_1"]
    command = [*asked, "python3", "-c", _LOOK, f"http://{gateway}:8000/v1/chat/completions"]
    told = subprocess.run(command, input=key, capture_output=True, text=True).stdout.strip()
    assert told in ("", "400", "401"), told
    return told == "400"


def _reads_as_compose(folder: Path) -> None:
    """As Podman Compose understands it."""
    services = yaml.safe_load(run(folder, "config"))["services"]
    assert sorted(services) == sorted(_SERVICES)
    for gateway in _GATEWAYS:
        assert services[gateway]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert set(services["traefik"]["depends_on"]) == set(_GATEWAYS)


def _keeps_the_password(folder: Path) -> None:
    path = folder / "secrets" / PASSWORD
    assert path.stat().st_mode & 0o777 == 0o600
    password = path.read_text()
    assert len(password) > 30
    for written in ("compose.yaml", "gateway.yaml", "routes.yaml", "gateway/Dockerfile"):
        assert password not in (folder / written).read_text()
    for service in _SERVICES:
        found = inspected(service)
        assert password not in json.dumps(found), service
        process = Path("/proc") / str(found["State"]["Pid"])
        for name in ("cmdline", "environ"):
            assert password.encode() not in (process / name).read_bytes(), (service, name)
    server = inspected("postgres")
    assert server["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert server["HostConfig"]["ReadonlyRootfs"] is True
    assert not server["EffectiveCaps"]
    assert not any(server["NetworkSettings"]["Ports"].values())
    assert [name.rpartition("_")[2] for name in server["NetworkSettings"]["Networks"]] == ["books"]


def _ask_again_for_names() -> None:
    """Within the 5 s that a connection may take: Podman loses a question while a part comes or goes."""
    for service in _SERVICES:
        asking = Path("/proc") / str(inspected(service)["State"]["Pid"]) / "root/etc/resolv.conf"
        assert {"timeout:1", "attempts:5"} <= set(asking.read_text().split()), service


def _cuts_nothing(url: str, key: str, leaving: str) -> None:
    """A gateway is stopped while both answer."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    streams = [_begun(client) for _ in range(2)]
    ends: list[str] = []
    readers = [threading.Thread(target=lambda each=each: ends.append(_end(each))) for each in streams]
    for reader in readers:
        reader.start()
    stop = subprocess.Popen(["podman", "stop", "--time", "65", f"kanoa-mlops_{leaving}_1"])
    while stop.poll() is None:
        answers(url, key)
    for reader in readers:
        reader.join()
    assert ends == ["length"] * len(streams)
    answers(url, key)


def _begun(client: openai.OpenAI) -> openai.Stream[openai.types.chat.ChatCompletionChunk]:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count to a thousand."}],
        max_tokens=48,
        stream=True,
        extra_body={"ignore_eos": True},
    )
    next(stream)
    return stream


def _end(stream: openai.Stream[openai.types.chat.ChatCompletionChunk]) -> str:
    """Why it ended; '' where it was cut."""
    reason = ""
    for piece in stream:
        if piece.choices:
            reason = piece.choices[0].finish_reason or reason
    return reason
