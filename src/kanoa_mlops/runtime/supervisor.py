"""Keeps one engine alive: starts it, waits until it answers, starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil

from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.errors import EngineDied
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.containers.contained import cleared, contained
from kanoa_mlops.runtime.diagnosis import SEARCHED_LINES, diagnose
from kanoa_mlops.runtime.guard import MOST_SECONDS, guarded
from kanoa_mlops.runtime.identity import identify
from kanoa_mlops.runtime.logs import rotate, tail
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import EngineRecord

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=2)
_START_LINES = 2000
"""More than any engine writes before it is ready."""
# Five crashes in five minutes is no accident.
_CRASHES = 5
_CRASH_WINDOW_SECONDS = 300.0
_SIGNALLED = 128
"""With the number of a signal added: a guard's status, and a container's, for one that a signal ended."""
_LONGEST_PAUSE_SECONDS = 10.0


class Supervisor:
    """One engine, for as long as `run` is awaited.

    Args:
        make_launch: gives what to execute for a port.
        record: how the engine begins; every change of it is told through `on_change`.
        log_file: where the engine's output goes.
        on_ready: is given what the engine wrote from its start until it was ready.
        box: what to call its container; None where it is a process of this machine.
    """

    def __init__(
        self,
        make_launch: Callable[[int], Launch],
        record: EngineRecord,
        log_file: Path,
        on_change: Callable[[EngineRecord], None],
        on_ready: Callable[[str], None] = lambda log: None,
        box: Box | None = None,
    ) -> None:
        self._make_launch = make_launch
        self._record = record
        self._log_file = log_file
        self._on_change = on_change
        self._on_ready = on_ready
        self._box = box
        self.ready = asyncio.Event()
        """Set once the engine has answered for the first time."""

    async def run(self) -> None:
        """Until cancelled; the engine is gone when this returns or raises.

        Raises:
            EngineDied: it never became ready, or died too often.
        """
        rotate(self._log_file)
        crashes: deque[float] = deque(maxlen=_CRASHES)
        while True:
            try:
                await self._live_once()
            except EngineDied as death:
                crashes.append(time.monotonic())
                often = len(crashes) == _CRASHES and crashes[-1] - crashes[0] < _CRASH_WINDOW_SECONDS
                final = often or not self.ready.is_set()
                self._change(state="down", reason=death.message, identity=None)
                log.error("%s%s", death.message, " It is not started again." if final else "")
                if final:
                    raise
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.25 * 2 ** len(crashes)))
            self._change(restarts=self._record.restarts + 1)

    async def _live_once(self) -> None:
        """One life of the engine.

        Raises:
            EngineDied: always, unless cancelled; engines do not end of themselves.
        """
        launch = self._make_launch(free_port())
        # Only this life's words count when it is asked why it ended.
        began_at = self._log_file.stat().st_size if self._log_file.exists() else 0
        command = await self._command(launch)
        process = await self._start(launch, command)
        try:
            self._change(state="loading", reason="", identity=identify(process.pid), port=launch.port)
            if await self._answers(launch, process):
                self._change(state="ready")
                self._on_ready("\n".join(tail(self._log_file, _START_LINES, since=began_at)))
                self.ready.set()
            raise self._death(await process.wait(), began_at)
        finally:
            await _end(process)
            _end_session(process.pid)
            if self._box:
                await asyncio.to_thread(cleared, launch, self._box)

    async def _command(self, launch: Launch) -> tuple[str, ...]:
        """Under a guard, so that killing us in any way leaves no engine."""
        if launch.container is None:
            return guarded(launch.argv)
        assert self._box, "a container has a name"
        return await asyncio.to_thread(contained, launch, self._box)

    async def _start(self, launch: Launch, command: tuple[str, ...]) -> asyncio.subprocess.Process:
        log.info("starting %s: %s", self._record.model, shlex.join(command))
        # A container gets its own by its command; its tool needs ours.
        added = {} if launch.container else launch.environment
        with self._log_file.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *command,
                # Held open while we live; when it closes, however that came about, the engine ends too.
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=os.environ | added,
                # Ctrl-C in the terminal is for us; we end the engine in our own order.
                start_new_session=True,
            )

    async def _answers(self, launch: Launch, process: asyncio.subprocess.Process) -> bool:
        """Wait until the engine is ready (True) or has ended (False)."""
        url = f"http://127.0.0.1:{launch.port}{launch.health_path}"
        headers = _key_header(launch)
        async with aiohttp.ClientSession(headers=headers, timeout=_PROBE_TIMEOUT) as session:
            while process.returncode is None:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return True
                except (aiohttp.ClientError, TimeoutError):
                    pass  # not listening yet
                await asyncio.sleep(_POLL_SECONDS)
        return False

    def _death(self, status: int, began_at: int) -> EngineDied:
        words = tail(self._log_file, SEARCHED_LINES, since=began_at)
        if status > _SIGNALLED:
            status = _SIGNALLED - status
        found = diagnose("\n".join(words), status, self._record.model)
        when = "stopped" if self._record.state == "ready" else "did not start"
        return EngineDied(
            f"The engine of {self._record.model} {when}: {found.reason}.",
            hint="\n".join(("Its last lines:", *(f"  {line}" for line in found.last_lines), found.hint)),
        )

    def _change(self, **changes: object) -> None:
        self._record = replace(self._record, **changes)  # type: ignore[arg-type]
        self._on_change(self._record)


def _key_header(launch: Launch) -> dict[str, str]:
    if launch.key_file is None:
        return {}
    return {"Authorization": f"Bearer {launch.key_file.read_text(encoding='utf-8').strip()}"}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the guard to end, then make it. Nothing to do if it has."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), MOST_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _end_session(leader: int) -> None:
    """What a guard that was itself killed could not: with it dies its program, and not what that started."""
    for pid in psutil.pids():
        with contextlib.suppress(OSError):  # gone meanwhile, or of somebody else
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
