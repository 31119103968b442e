"""wrk, told what to send and asked for its figures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.peer import Peer
from bench.gateway.static_upstream import Kind

_TIMEOUT_SECONDS = 60
_SCRIPT = """
wrk.method = "POST"
local file = io.open({body}, "rb")
wrk.body = file:read("*a")
file:close()
{headers}
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '\\n{{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "wrong": %d}}\\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
        latency:percentile(99) / 1e6, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of some seconds of requests."""

    requests: int
    seconds: float
    p50: float
    """Seconds until a request is answered whole."""
    p99: float
    wrong: int
    """Requests that were not answered 200."""


def require_wrk() -> str:
    """Its path. Ends the program where there is none."""
    if path := shutil.which("wrk"):
        return path
    sys.exit("wrk makes the load here and is not installed: sudo apt-get install wrk")


def run_wrk(peer: Peer, kind: Kind, connections: int, seconds: int, folder: Path) -> Load:
    """One thread asks as fast as it is answered."""
    script = _script(peer, kind, folder)
    url = f"http://127.0.0.1:{peer.port}{peer.path(kind)}"
    options = [f"-c{connections}", "-t1", f"-d{seconds}s", f"--timeout={_TIMEOUT_SECONDS}s", f"-s{script}"]
    said = subprocess.run([require_wrk(), *options, url], check=True, capture_output=True, text=True).stdout
    return Load(**json.loads(said.strip().splitlines()[-1]))


def wrk_version() -> str:
    # It has no option for this, says it in its help, and ends with 1.
    said = subprocess.run([require_wrk(), "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"wrk (?:debian/)?(\S+)", said.stdout + said.stderr)
    return found[1] if found else "of unknown version"


def _script(peer: Peer, kind: Kind, folder: Path) -> Path:
    """In a file, as a key must not stand in an argument."""
    body = folder / f"{kind}.body"
    body.write_bytes(peer.body(kind))
    headers = "\n".join(f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in peer.headers.items())
    script = folder / f"{peer.name}-{kind}.lua"
    script.touch(mode=0o600)
    script.write_text(_SCRIPT.format(body=_lua(str(body)), headers=headers))
    return script


def _lua(text: str) -> str:
    return json.dumps(text)  # the same for what stands here
