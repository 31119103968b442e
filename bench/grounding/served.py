"""A server of ours with an embedding model, for as long as it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from kanoa_mlops.runtime.ports import free_port


@contextmanager
def serving(model: str) -> Iterator[str]:
    """The address of its /v1.

    Raises:
        subprocess.CalledProcessError: it did not start; its words are on the terminal.
    """
    port = str(free_port())
    program = [sys.executable, "-m", "kanoa_mlops"]
    with tempfile.TemporaryDirectory(prefix="kanoa-embeddings-") as state:
        # What the person serves and has on their books stays out of it.
        environ = {**os.environ, "KANOA_MLOPS_STATE_DIR": state}
        serve = [*program, "serve", model, "-d", "--port", port]
        subprocess.run(serve, check=True, stdout=sys.stderr, env=environ)
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            subprocess.run([*program, "stop", "--port", port], stdout=sys.stderr, env=environ)
