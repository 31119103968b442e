"""What either tool writes, in the words of Docker 20 to 29 and Podman 4 and 5."""

from __future__ import annotations

import pytest

from kanoa_mlops.errors import AccessRefused, DiskFull, Failure, KanoaError, SourceFailed, UserError
from kanoa_mlops.runtime.containers.images import Layers
from kanoa_mlops.runtime.containers.refusals import refusal

IMAGE = "ghcr.io/maker/engine:1"


@pytest.mark.parametrize(
    ("said", "kind", "message", "next_step"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket at "
            "unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied",
            UserError,
            "This user may not use Docker.",
            "usermod -aG docker",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?",
            UserError,
            "Docker's daemon does not run.",
            "systemctl start docker",
        ),
        (
            "Error: reading manifest 1 in ghcr.io/maker/engine: manifest unknown",
            SourceFailed,
            f"ghcr.io has no {IMAGE}.",
            "a newer kanoa-mlops",
        ),
        (
            "Error response from daemon: manifest for maker/engine:1 not found: manifest unknown",
            SourceFailed,
            f"ghcr.io has no {IMAGE}.",
            "",
        ),
        (
            "Error response from daemon: pull access denied for x, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            AccessRefused,
            f"ghcr.io does not give {IMAGE} to this user.",
            "docker login ghcr.io",
        ),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit.",
            SourceFailed,
            "ghcr.io has given this address as much as it gives in a while.",
            "docker login",
        ),
        (
            "failed to register layer: write /usr/lib/libcublas.so: no space left on device",
            DiskFull,
            f"There is no room for {IMAGE}.",
            "docker image prune",
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            Failure,
            f"{IMAGE} is not made for this processor.",
            "doctor",
        ),
        (
            'pinging container registry ghcr.io: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io on '
            "127.0.0.53:53: no such host",
            SourceFailed,
            "ghcr.io could not be reached.",
            "docker load",
        ),
        (
            'Get "https://ghcr.io/v2/": tls: failed to verify certificate: x509: signed by unknown',
            SourceFailed,
            "ghcr.io could not be reached by a trusted connection.",
            "clock",
        ),
        (
            "Error: cannot find newuidmap: exec: not found",
            UserError,
            "Podman has no numbers for the users in a container.",
            "usermod",
        ),
        ("Error: something else\n", Failure, f"docker did not give {IMAGE}.", "something else"),
        ("", Failure, f"docker did not give {IMAGE}.", "did not say why"),
    ],
)
def test_each_is_named_with_the_next_step(
    said: str, kind: type[KanoaError], message: str, next_step: str
) -> None:
    error = refusal("docker", IMAGE, said)
    assert type(error) is kind
    assert error.message == message
    assert next_step in error.hint
    assert (said.strip().splitlines() or ["It did not say why."])[-1] in error.hint


def test_docker_tells_its_layers() -> None:
    layers = Layers()
    lines = (
        "server-b1: Pulling from maker/engine",
        "0123456789ab: Pulling fs layer",
        "fedcba987654: Already exists",
        "0123456789ab: Download complete",
        "0123456789ab: Pull complete",
        "Digest: sha256:00",
        "Status: Downloaded newer image",
    )
    told = [layers.hear(line) for line in lines]
    assert told == [
        "",
        "0 of 1 layers",
        "1 of 2 layers",
        "1 of 2 layers",
        "2 of 2 layers",
        "the last step",
        "",
    ]


def test_podman_tells_its_layers() -> None:
    layers = Layers()
    lines = ("Trying to pull", "Copying blob sha256:aa", "Copying blob sha256:bb done", "Copying config")
    assert [layers.hear(line) for line in lines] == ["", "layer 1", "layer 2", "the last step"]
