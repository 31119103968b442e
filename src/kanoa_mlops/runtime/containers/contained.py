"""From a launch in a container to a command that runs it, and leaves none behind however it ends."""

from __future__ import annotations

import contextlib
import subprocess

from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.containers.command import run_argv
from kanoa_mlops.runtime.containers.hand_over import hand_over, take_back
from kanoa_mlops.runtime.containers.host import inner_user, look
from kanoa_mlops.runtime.guard import FINAL_SECONDS, guarded


def contained(launch: Launch, box: Box) -> tuple[str, ...]:
    """Gives the command; what it needs is in place, and nothing of its name is left from before."""
    assert launch.container is not None
    host = look(box.tool, launch.container)
    user = inner_user(box.tool, host)
    remove(box)
    if host.ours.uid == 0:
        launch = hand_over(launch, user)
    # What it wrote last is in the log, and a tool that is killed leaves its container running.
    return guarded(run_argv(launch, box, host), finally_=box.remove_argv())


def cleared(launch: Launch, box: Box) -> None:
    """After its end: also where the guard itself was killed. Twice is fine."""
    remove(box)
    take_back(launch)


def remove(box: Box) -> None:
    """With its engine; twice is fine. A tool that does not answer tells why whoever starts the next one."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            box.remove_argv(), stdin=subprocess.DEVNULL, capture_output=True, timeout=FINAL_SECONDS
        )
