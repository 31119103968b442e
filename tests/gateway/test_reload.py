"""A file that is changed while the gateway runs, in all the ways that files are changed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.reload import reloading, stamp

EVERY = 0.02


def read(path: Path) -> str:
    try:
        text = path.read_text()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read.") from error
    if "wrong" in text:
        raise SettingsError(f"{path}:1: {text} is wrong.", hint="Write it well.")
    return text


@asynccontextmanager
async def following(path: Path, **options: object) -> AsyncIterator[list[str]]:
    """What was applied so far."""
    applied: list[str] = []
    task = asyncio.create_task(reloading(path, read, applied.append, EVERY, **options))  # type: ignore[arg-type]
    await asyncio.sleep(0)  # it has seen the file as it was
    try:
        yield applied
        assert not task.done(), "it follows until it is cancelled"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(EVERY / 4)


def renamed(path: Path, text: str) -> None:
    """As an editor saves."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def same_size_and_time(path: Path, text: str) -> None:
    """Only its inode tells it from the one before."""
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_text(text)
    assert other.stat().st_size == before.st_size
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [Path.write_text, renamed, same_size_and_time])
async def test_a_change_is_taken_up(tmp_path: Path, change: Callable[[Path, str], object]) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    async with following(path) as applied:
        change(path, "two")
        await until(lambda: applied == ["two"])
        change(path, "six")
        await until(lambda: applied == ["two", "six"])


async def test_a_config_map_is_changed_by_turning_a_link(tmp_path: Path) -> None:
    """As the kubelet does: file -> ..data/file, ..data -> a folder with the time in its name."""
    for number, text in enumerate(("one", "two")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "file").write_text(text)
    (tmp_path / "..data").symlink_to("..0")
    path = tmp_path / "file"
    path.symlink_to("..data/file")
    async with following(path) as applied:
        (tmp_path / "..data_tmp").symlink_to("..1")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        await until(lambda: applied == ["two"])


async def test_what_does_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    looks = 0

    def counting(path: Path) -> str:
        nonlocal looks
        looks += 1
        return read(path)

    applied: list[str] = []
    task = asyncio.create_task(reloading(path, counting, applied.append, EVERY))
    await asyncio.sleep(0)
    path.write_text("two")
    await until(lambda: applied == ["two"])
    await asyncio.sleep(EVERY * 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert looks == 1


async def test_a_wrong_file_is_told_once_and_what_ran_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    with caplog.at_level(logging.WARNING):
        async with following(path) as applied:
            path.write_text("wrong")
            await until(lambda: bool(caplog.messages))
            await asyncio.sleep(EVERY * 10)
            assert caplog.messages == [f"{path}:1: wrong is wrong. Write it well. What ran before is kept."]
            renamed(path, "wrong")
            await until(lambda: len(caplog.messages) == 2)
            assert applied == []
            renamed(path, "well")
            await until(lambda: applied == ["well"])
            path.unlink()
            await until(lambda: len(caplog.messages) == 3)
            assert caplog.messages[2] == f"{path} cannot be read. What ran before is kept."
            path.write_text("back")
            await until(lambda: applied == ["well", "back"])


async def test_what_was_wrong_elsewhere_is_tried_again(tmp_path: Path) -> None:
    """A key that was not there yet."""
    path, key = tmp_path / "file", tmp_path / "key"
    path.write_text("one")
    tried = 0

    def with_key(path: Path) -> str:
        nonlocal tried
        tried += 1
        return read(path) + read(key)

    applied: list[str] = []
    task = asyncio.create_task(reloading(path, with_key, applied.append, EVERY))
    await asyncio.sleep(0)
    path.write_text("two")
    await until(lambda: tried > 2)
    key.write_text("key")
    await until(lambda: applied == ["twokey"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_fault_of_ours_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    applied: list[str] = []

    async def apply(text: str) -> None:
        if text == "two":
            raise ZeroDivisionError
        applied.append(text)

    task = asyncio.create_task(reloading(path, read, apply, EVERY))
    await asyncio.sleep(0)
    path.write_text("two")
    await until(lambda: any("could not be taken up" in each for each in caplog.messages))
    path.write_text("three")
    await until(lambda: applied == ["three"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_change_between_reading_and_following_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    before = stamp(path)
    path.write_text("other")
    async with following(path, since=before) as applied:
        await until(lambda: applied == ["other"])
    assert stamp(tmp_path / "none") is None
    async with following(tmp_path / "none", since=None) as applied:
        (tmp_path / "none").write_text("new")
        await until(lambda: applied == ["new"])
