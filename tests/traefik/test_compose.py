"""The Traefik of a Compose file, which is told by its command, takes every word of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kanoa_mlops.gateway.http import listening
from kanoa_mlops.render.compose import compose_document
from kanoa_mlops.render.compose_service import Person
from tests.traefik.conftest import TRAEFIK


def test_its_command_is_taken(tmp_path: Path) -> None:
    document = compose_document((), Person("1000:1000"), 8000, "1.2.3", tmp_path)
    words = document["services"]["traefik"]["command"]
    [idle] = [word for word in words if "idleConnTimeout" in word]
    assert int(idle.partition("=")[2].removesuffix("s")) < listening._KEEP_ALIVE_SECONDS
    # A look at its health reads the whole command, and there is nobody to be well.
    asked = subprocess.run([TRAEFIK, "healthcheck", *words], capture_output=True, text=True, timeout=60)
    assert "Error calling healthcheck" in asked.stdout + asked.stderr
    wrong = subprocess.run(
        [TRAEFIK, "healthcheck", *words, "--serversTransport.no=1"], capture_output=True, timeout=60
    )
    assert b"Error calling healthcheck" not in wrong.stdout + wrong.stderr
