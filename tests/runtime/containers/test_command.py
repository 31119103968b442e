"""What Docker and Podman are told, word for word. That they do as told is in `tests/containers`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from kanoa_mlops.engines.container import KEY, STORE, WEIGHTS, Container, Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.runtime.containers.box import Box, Tool
from kanoa_mlops.runtime.containers.command import run_argv
from kanoa_mlops.runtime.containers.host import Host, User, inner_user, look
from kanoa_mlops.runtime.key import write_key

PERSON = User(1000, 1001)
ROOT = User(0, 0)
MOUNTS = (
    Mount(Path("/data/weights"), WEIGHTS),
    Mount(Path("/state/tiny.key"), KEY),
    Mount(Path("/cache/vllm"), STORE, writable=True),
)
CPU = Container("ghcr.io/maker/engine:1", MOUNTS)
NVIDIA = Container("docker.io/maker/engine:1", MOUNTS, graphics="nvidia", shared_memory=8 * 2**30)
JETSON = Container("ghcr.io/maker/engine:jetson", MOUNTS, graphics="nvidia", runtime="nvidia")
AMD = Container("docker.io/maker/engine:rocm", MOUNTS, graphics="amd", devices=("/dev/kfd", "/dev/dri"))

BEGIN = """
run --name kanoa-mlops-8000-tiny
--label org.kanoa.mlops.owner={owner} --label org.kanoa.mlops.server=8000
--label org.kanoa.mlops.model=tiny --label org.kanoa.mlops.port=5001
--rm --restart no --pull never --no-healthcheck
--log-driver json-file --log-opt max-size=10m
--user {user}
--read-only --tmpfs /tmp:rw,exec,nosuid,nodev,mode=1777,size=4g
--cap-drop ALL --security-opt no-new-privileges --security-opt label=disable --pids-limit 4096 {tool}
--publish 127.0.0.1:5001:8000 {graphics}
--mount type=bind,source=/data/weights,target=/weights,readonly
--mount type=bind,source=/state/tiny.key,target=/run/secrets/engine-key,readonly
--mount type=bind,source=/cache/vllm,target=/store
--env HOME=/tmp --env USER=engine --env HF_HUB_OFFLINE=1
--entrypoint /app/engine {image} --model /weights/a.gguf --port 8000
"""
WORDS = {"podman": "--http-proxy=false", "docker": ""}
AMD_NODES = "--device /dev/kfd --device /dev/dri"


def launch(container: Container, key_file: Path | None = None) -> Launch:
    return Launch(
        ("/app/engine", "--model", "/weights/a.gguf", "--port", "8000"),
        port=5001,
        health_path="/health",
        key_file=key_file,
        environment={"HF_HUB_OFFLINE": "1"},
        container=container,
    )


@pytest.mark.parametrize(
    ("tool", "container", "ours", "rootless", "user", "graphics"),
    [
        ("docker", CPU, PERSON, False, "1000:1001", ""),
        ("docker", CPU, ROOT, False, "65534:65534", ""),
        ("docker", CPU, PERSON, True, "0:0", ""),
        ("podman", CPU, PERSON, True, "1000:1001 --userns keep-id", ""),
        ("podman", CPU, ROOT, False, "65534:65534", ""),
        ("docker", NVIDIA, PERSON, False, "1000:1001", "--gpus all --shm-size 8589934592b"),
        (
            "podman",
            NVIDIA,
            PERSON,
            True,
            "1000:1001 --userns keep-id",
            "--device nvidia.com/gpu=all --shm-size 8589934592b",
        ),
        (
            "docker",
            JETSON,
            PERSON,
            False,
            "1000:1001",
            "--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --group-add 44",
        ),
        ("podman", JETSON, ROOT, False, "65534:65534", "--device nvidia.com/gpu=all --group-add 44"),
        ("docker", AMD, PERSON, False, "1000:1001", f"{AMD_NODES} --group-add 44 --group-add 109"),
        (
            "podman",
            AMD,
            PERSON,
            True,
            "1000:1001 --userns keep-id",
            f"{AMD_NODES} --group-add keep-groups",
        ),
        ("podman", AMD, ROOT, False, "65534:65534", f"{AMD_NODES} --group-add 44 --group-add 109"),
    ],
)
def test_every_word(
    tool: Tool, container: Container, ours: User, rootless: bool, user: str, graphics: str
) -> None:
    groups = {AMD: (44, 109), JETSON: (44,)}.get(container, ())
    argv = run_argv(launch(container), Box(tool, 8000, "tiny"), Host(ours, rootless, groups))
    text = BEGIN.format(user=user, tool=WORDS[tool], graphics=graphics, image=container.image, owner=ours.uid)
    assert argv == (tool, *shlex.split(text))


def test_the_key_is_in_no_word(tmp_path: Path) -> None:
    key = write_key(tmp_path / "tiny.key")
    mounts = (Mount(tmp_path / "tiny.key", KEY),)
    argv = run_argv(
        launch(Container("image:1", mounts), tmp_path / "tiny.key"),
        Box("docker", 8000, "tiny"),
        Host(PERSON, False),
    )
    assert f"type=bind,source={tmp_path}/tiny.key,target={KEY},readonly" in argv
    assert key not in " ".join(argv)


def test_a_comma_in_a_path_is_part_of_it() -> None:
    container = Container("image:1", (Mount(Path("/data/a,b"), WEIGHTS),))
    argv = run_argv(launch(container), Box("docker", 8000, "tiny"), Host(PERSON, False))
    assert f'type=bind,"source=/data/a,b",target={WEIGHTS},readonly' in argv


def test_an_engines_own_home_is_kept() -> None:
    made = Launch(("/bin/x",), 5001, "/", environment={"HOME": "/store"}, container=CPU)
    argv = run_argv(made, Box("docker", 8000, "tiny"), Host(PERSON, False))
    assert "HOME=/store" in argv
    assert "HOME=/tmp" not in argv


def test_a_name_that_no_tool_would_take_is_made_one() -> None:
    assert Box("docker", 8000, "maker/Model 7B:q4").name == "kanoa-mlops-8000-maker-Model-7B-q4"


def test_an_engine_is_never_this_machines_administrator() -> None:
    tools: tuple[Tool, ...] = ("docker", "podman")
    assert {inner_user(tool, Host(ROOT, rootless=False)) for tool in tools} == {User(65534, 65534)}


def test_the_groups_of_devices_are_looked_up(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    terminal = Path(os.ttyname(theirs))  # a device of a group, as a graphics processor is
    try:
        if os.getuid() == 0:
            os.chown(terminal, -1, 44)
        group = terminal.stat().st_gid
        # /dev/null is the administrator's, and a folder is no device.
        container = Container("image:1", (), devices=("/dev/null", str(tmp_path), str(terminal)))
        assert look("podman", container).groups == ((group,) if group else ())
    finally:
        os.close(ours)
        os.close(theirs)
