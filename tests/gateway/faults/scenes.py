"""What is done to a gateway, one function a kind of fault."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from tests.gateway.books.places import execute
from tests.gateway.conftest import Answer, chat
from tests.gateway.faults.seen import Seen
from tests.gateway.faults.stage import Stage
from tests.gateway.test_leaving import CHAT, until
from tests.gateway.test_pools import free_port

Scene = Callable[[Stage], Awaitable[Seen]]
DAY = 86_400.0
STREAMS = 100


def engine_does(what: str, *, stream: bool) -> Scene:
    """The first engine, to whatever it is asked; see `tests.fakes.engine`."""

    async def play(stage: Stage) -> Seen:
        stage.engine.always = what
        await stage.open()
        return await stage.fared(await stage.ask(stream=stream))

    return play


async def dead_port(stage: Stage) -> Seen:
    await stage.open(f"http://127.0.0.1:{free_port()}")
    return await stage.fared(await stage.ask())


async def slow_upload(stage: Stage) -> Seen:
    await stage.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.door.gateway.port)
    writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{".encode())
    head, body = (await asyncio.wait_for(reader.read(), 60)).split(b"\r\n\r\n", 1)
    writer.close()
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    return await stage.fared(Answer(int(lines[0].split()[1]), headers, body))


async def left_while_queued(stage: Stage) -> Seen:
    stage.engine.always = stage.other.always = "stall mid-stream"
    await stage.open(slots=1)
    engines = [stage.engine] if stage.setting == "alone" else [stage.engine, stage.other]
    holding = [asyncio.create_task(stage.ask(stream=True)) for _ in engines]
    await until(lambda: all(each.running == 1 for each in engines))
    waiting = asyncio.create_task(stage.ask())
    await until(lambda: stage.door.queued == 1)
    await _leave(waiting)
    await until(lambda: stage.door.queued == 0)
    await _leave(*holding)
    return await stage.fared(None, *(None for _ in holding))


def unread(what: str, *, stream: bool) -> Scene:
    """The client takes nothing of an answer that no buffer holds."""

    async def play(stage: Stage) -> Seen:
        stage.engine.always = what
        await stage.open()
        body = json.dumps(chat("hi", stream=stream, max_tokens=100)).encode()
        burst = "x-kanoa-burst: require\r\n" if stage.setting == "paid" else ""
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n{burst}Content-Length: {len(body)}\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", stage.door.gateway.port, limit=1024)
        writer.write(head.encode() + body)
        try:
            # After some last words, which it does not take either.
            await until(lambda: stage.books.condition().unwritten == 1, 30)
            return replace(await stage.fared(None), code="client_stalled")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    return play


def left(doing: str, *, stream: bool) -> Scene:
    """The client, while the first engine does this."""

    async def play(stage: Stage) -> Seen:
        stage.engine.always = doing
        await stage.open()
        begun = asyncio.Semaphore(0)
        asking = asyncio.create_task(stage.follow(begun) if stream else stage.ask())
        await until(lambda: stage.engine.running == 1)
        if stream:
            await asyncio.wait_for(begun.acquire(), 60)
        await _leave(asking)
        await until(lambda: stage.engine.running == 0)
        return await stage.fared(None)

    return play


async def killed_under_streams(stage: Stage) -> Seen:
    """A process of its own, and no goodbye."""
    port = free_port()
    program = [sys.executable, "-m", "tests.fakes.engine", str(port)]
    process = await asyncio.create_subprocess_exec(*program, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    await stage.open(f"http://127.0.0.1:{port}")
    begun = asyncio.Semaphore(0)
    asking = [asyncio.create_task(stage.follow(begun, "stall mid-stream")) for _ in range(STREAMS)]
    for _ in asking:
        await asyncio.wait_for(begun.acquire(), 60)
    assert _connections(process.pid, port) == STREAMS
    process.kill()
    await process.wait()
    return await stage.fared(*await asyncio.gather(*asking), asked=STREAMS)


async def disk_full(stage: Stage) -> Seen:
    """Under the books, until the request is answered."""
    disk = _mounted(stage) if os.geteuid() == 0 else None
    await stage.open()
    with _filled(disk) if disk else _no_page_more(stage):
        answer = await stage.ask()
        await asyncio.to_thread(stage.books.tick)
        condition = stage.books.condition()
        assert condition.trouble.endswith("the disk is full.")
        assert condition.unwritten
        assert not condition.lost
    return await stage.fared(answer)


def clock_jumps(seconds: float) -> Scene:
    """The time of day, while an answer is on its way; and back again."""

    async def play(stage: Stage) -> Seen:
        ahead, real = 0.0, time.time
        stage.patches.setattr(time, "time", lambda: real() + ahead)
        stage.engine.always = "after a while"
        await stage.open()
        answers: list[Answer] = []
        for jump in (seconds, -seconds, 0.0):
            asking = asyncio.create_task(stage.ask())
            await until(lambda: len(stage.engine.received) > len(answers))
            ahead += jump
            answers.append(await asking)
        return await stage.fared(*answers)

    return play


async def _leave(*asking: asyncio.Task[Answer]) -> None:
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


def _connections(pid: int, port: int) -> int:
    """Of clients, to a process that listens there."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in found)


def _mounted(stage: Stage) -> Path:
    """A disk of its own for the books, as small as they are."""
    disk = stage.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    stage.stack.callback(subprocess.run, ["umount", str(disk)], check=True)
    stage.folder = disk
    return disk


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    rest = disk / "rest"
    with suppress(OSError), rest.open("wb", buffering=0) as file:  # no space is left in the end
        while file.write(b"\0" * 4096):
            pass
    yield
    rest.unlink()


@contextmanager
def _no_page_more(stage: Stage) -> Iterator[None]:
    """SQLite's own full disk, where nobody may mount one."""
    ((pages,),) = execute(stage.store, "PRAGMA page_count")
    execute(stage.store, f"PRAGMA max_page_count = {pages}")
    yield
    execute(stage.store, "PRAGMA max_page_count = 1000000")
