"""A proxy that is measured: how it is asked, and the processes it is made of."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.gateway.static_upstream import Kind

_START_SECONDS = 300.0
_STOP_SECONDS = 30.0
_IMAGE_BYTES = 2_000_000  # of the request, as a photograph in Base64 has


@dataclass(frozen=True)
class Peer:
    """What to start, and what to send it. `Running` is one that was started."""

    name: str
    version: str
    settings: str
    """What was set, for the report."""
    port: int
    argv: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: str = field(default="", repr=False)
    by_path: bool = False
    """Tells the kinds apart by the path, as it does not look into a request; else by the model."""

    def path(self, kind: Kind) -> str:
        return f"/{kind}/v1/chat/completions" if self.by_path else "/v1/chat/completions"

    @property
    def headers(self) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **key}

    def body(self, kind: Kind) -> bytes:
        """The same bytes for everybody, but for nothing."""
        return _body(kind)


@dataclass(frozen=True)
class Running:
    peer: Peer
    process: psutil.Process
    ready_seconds: float
    """From its start until the first request was answered."""

    def cpu_seconds(self) -> float:
        """Spent until now by all its processes."""
        return sum(sum(each.cpu_times()[:2]) for each in self._all())

    def memory_bytes(self) -> int:
        """Resident, of all its processes."""
        return sum(each.memory_info().rss for each in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[Running]:
    """Started, and answering.

    Raises:
        RuntimeError: it ended, or does not answer; with the end of its log.
    """
    log = folder / f"{peer.name}.log"
    began = time.perf_counter()
    with log.open("ab") as output:
        process = psutil.Popen(
            list(peer.argv), env=dict(peer.environment), stdout=output, stderr=output, cwd=folder
        )
    try:
        _wait_for(peer, process, log, began + _START_SECONDS)
        yield Running(peer, process, time.perf_counter() - began)
    finally:
        _stop(process)


def _wait_for(peer: Peer, process: psutil.Popen, log: Path, until: float) -> None:
    while not _answers(peer):
        if process.poll() is not None:
            raise RuntimeError(f"{peer.name} ended before it answered. It said:\n{_last_words(log)}")
        if time.perf_counter() > until:
            raise RuntimeError(
                f"{peer.name} did not answer within {_START_SECONDS:g} s. It said:\n{_last_words(log)}"
            )
        time.sleep(0.01)


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _answers(peer: Peer) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", peer.path("chat"), peer.body("chat"), peer.headers)
        return connection.getresponse().status == 200
    return False


def _stop(process: psutil.Popen) -> None:
    if process.poll() is not None:
        return
    everyone = [process, *process.children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(everyone, timeout=_STOP_SECONDS)
    for each in left:
        each.kill()


def _body(kind: Kind) -> bytes:
    text = {"type": "text", "text": "What does this figure show?"}
    image = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * _IMAGE_BYTES},
    }
    fields = {
        "model": kind,
        "messages": [{"role": "user", "content": [text, image] if kind == "image" else text["text"]}],
        "max_tokens": 100,
        "stream": kind in ("stream", "slow"),
    }
    return json.dumps(fields).encode()
