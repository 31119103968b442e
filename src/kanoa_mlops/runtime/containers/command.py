"""How Docker and Podman are told to run an engine: one text, and the reason for each flag.

The key enters by a mounted file alone: arguments, environment and labels are shown by `inspect`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from kanoa_mlops.engines.container import Container, Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.runtime.containers.box import Box, Tool
from kanoa_mlops.runtime.containers.host import Host, inner_user

_LOG_SIZE = "10m"
_TEMPORARY_SIZE = "4g"
_PROCESSES = 4096
"""vLLM has hundreds of threads; a runaway has thousands."""


def run_argv(launch: Launch, box: Box, host: Host) -> tuple[str, ...]:
    """A command that lives as long as the engine does and gives its output."""
    assert launch.container is not None, "a process of this machine needs no container"
    return (
        *(box.tool, "run"),
        *_life(launch, box, host),
        *_user(box.tool, host),
        *_confinement(box.tool),
        # For the gateway beside it; nobody else reaches it.
        *("--publish", f"127.0.0.1:{launch.port}:{launch.container.port}"),
        *_graphics(launch.container, box.tool, host),
        *_memory(launch.container),
        *(word for mount in launch.container.mounts for word in ("--mount", _mount(mount))),
        *_environment(launch),
        # Always said: what follows the image is added to its own entry point, if it has one.
        *("--entrypoint", launch.argv[0], launch.container.image, *launch.argv[1:]),
    )


def _life(launch: Launch, box: Box, host: Host) -> Iterator[str]:
    yield from ("--name", box.name)
    for name, value in box.labels(launch.port, host.ours.uid).items():
        yield from ("--label", f"{name}={value}")
    # Nothing stays behind, and nothing starts it again: that is the supervisor's, who counts the deaths.
    yield from ("--rm", "--restart", "no")
    # Fetching is a step of its own, with progress, and before it the question whether it may be.
    yield from ("--pull", "never")
    # The makers' asks the port that is the engine's usual one, which ours is not; the supervisor asks itself.
    yield "--no-healthcheck"
    # The engine's log has it all. This copy is for `logs` of the tool, and must not fill the disk.
    yield from ("--log-driver", "json-file", "--log-opt", f"max-size={_LOG_SIZE}")


def _user(tool: Tool, host: Host) -> Iterator[str]:
    yield from ("--user", str(inner_user(tool, host)))
    if tool == "podman" and host.rootless:
        # Our own number is ours inside too; left alone it would be that of a stranger to our files.
        yield from ("--userns", "keep-id")


def _confinement(tool: Tool) -> Iterator[str]:
    # The image as it was made, and nothing to come back to.
    yield "--read-only"
    # Engines keep compiled code here and load it, which needs `exec`; it is memory, so it has an end.
    yield from ("--tmpfs", f"/tmp:rw,exec,nosuid,nodev,mode=1777,size={_TEMPORARY_SIZE}")
    # Serving needs no right of the administrator, and no program in the image gives one.
    yield from ("--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    # SELinux would hide the weights; relabelling them would change files that are not ours alone.
    yield from ("--security-opt", "label=disable")
    yield from ("--pids-limit", str(_PROCESSES))
    if tool == "podman":
        # It hands over our proxy, often with a password in its address.
        yield "--http-proxy=false"


def _graphics(container: Container, tool: Tool, host: Host) -> Iterator[str]:
    if container.graphics == "nvidia":
        yield from _nvidia(container, tool)
    for device in container.devices:
        yield from ("--device", device)
    if tool == "podman" and host.rootless:
        # Its numbers of groups are not the machine's, but it can keep those we are in.
        yield from ("--group-add", "keep-groups") if host.groups else ()
    else:
        # By number: their names are the machine's, not the image's.
        for group in host.groups:
            yield from ("--group-add", str(group))


def _nvidia(container: Container, tool: Tool) -> Iterator[str]:
    if tool == "podman":
        # The Container Device Interface, on a Jetson too.
        yield from ("--device", "nvidia.com/gpu=all")
    elif container.runtime:
        # A Jetson's processor is no PCI device, which `--gpus` looks for.
        yield from ("--runtime", container.runtime, "--env", "NVIDIA_VISIBLE_DEVICES=all")
    else:
        yield from ("--gpus", "all")


def _memory(container: Container) -> Iterator[str]:
    if container.shared_memory:
        # The processes of an engine talk through it; with the usual 64 MiB they end with a bus error.
        yield from ("--shm-size", f"{container.shared_memory}b")


def _environment(launch: Launch) -> Iterator[str]:
    # A number without a name has no home folder, and a name is asked for by what keeps compiled code.
    for name, value in ({"HOME": "/tmp", "USER": "engine"} | dict(launch.environment)).items():
        yield from ("--env", f"{name}={value}")


def _mount(mount: Mount) -> str:
    """Not `--volume`: that makes a folder of a source that is missing."""
    fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields if mount.writable else [*fields, "readonly"])
    return line.getvalue()
