"""A registry of images on this machine: a folder as `podman save --format oci-dir` writes it, for reading."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAG = "good"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextmanager
def registry(folder: Path, port: int) -> Iterator[str]:
    """Gives its address. It has one tag of every name."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            *_, kind, name = self.path.split("/")
            digest = _tagged(folder) if name == TAG else name
            path = folder / "blobs" / digest.replace(":", "/")
            if self.path == "/v2/":
                self._answer(200, b"{}", "application/json")
            elif path.is_file():
                media = _MANIFEST if kind == "manifests" else "application/octet-stream"
                self._answer(200, path.read_bytes(), media)
            else:
                error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
                self._answer(404, json.dumps({"errors": [error]}).encode(), "application/json")

        do_HEAD = do_GET

        def _answer(self, status: int, body: bytes, media: str) -> None:
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _tagged(folder: Path) -> str:
    return str(json.loads((folder / "index.json").read_text())["manifests"][0]["digest"])
