"""The real server of Chroma, out of its own environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

_PROGRAM = Path(__file__).parents[2] / ".venv-chroma/bin/chroma"
_PATIENCE_SECONDS = 90.0


class ChromaServer:
    """In a test: `with ChromaServer() as server`."""

    def __enter__(self) -> Self:
        assert _PROGRAM.exists(), "`make chroma` makes its environment"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="kanoa-chroma-")
        folder = Path(self._folder.name)
        argv = [
            str(_PROGRAM),
            "run",
            "--path",
            str(folder / "data"),
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
        ]
        with (folder / "said").open("w") as said:
            self._process = subprocess.Popen(
                argv, stdout=said, stderr=said, env={**os.environ, "ANONYMIZED_TELEMETRY": "False"}
            )
        self._await(folder / "said")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._folder.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def make(self, name: str, *, space: str = "cosine", database: str = "default_database") -> str:
        """Its id."""
        made = self.call("POST", f"{self._place(database)}/collections", {
            "name": name, "configuration": {"hnsw": {"space": space}},
        })  # fmt: skip
        return str(made["id"])

    def remove(self, name: str) -> None:
        self.call("DELETE", f"{self._place('default_database')}/collections/{name}")

    def make_database(self, name: str) -> None:
        self.call("POST", "/api/v2/tenants/default_tenant/databases", {"name": name})

    def keep(
        self,
        id: str,
        texts: Sequence[str],
        vectors: Sequence[Sequence[float]],
        kept: Sequence[Mapping[str, Any] | None],
        database: str = "default_database",
    ) -> None:
        self.call("POST", f"{self._place(database)}/collections/{id}/upsert", {
            "ids": [str(number) for number in range(len(texts))],
            "documents": texts, "embeddings": vectors, "metadatas": kept,
        })  # fmt: skip

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def _place(self, database: str) -> str:
        return f"/api/v2/tenants/default_tenant/databases/{database}"

    def _await(self, said: Path) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.call("GET", "/api/v2/heartbeat")
                return
            except (urllib.error.URLError, ConnectionError):
                assert self._process.poll() is None and time.monotonic() < end, said.read_text()
                time.sleep(0.1)
