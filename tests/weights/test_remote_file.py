"""Reading the start of a file on a server that does as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kanoa_mlops.errors import SourceFailed, UnknownModel
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.refused import plainly
from kanoa_mlops.weights.remote_file import RemoteFile
from kanoa_mlops.weights.web import Web
from tests.weights.make import HURRIED, SOON_CUT, noise
from tests.weights.server import FileServer, Served, serving

BODY = noise(400_000)


@pytest.fixture(autouse=True)
def local(settings: Settings) -> Settings:
    return settings


@pytest.fixture
def file(server: FileServer) -> Iterator[RemoteFile]:
    with _opened(server, HURRIED) as file:
        yield file


def _opened(server: FileServer, patience: Patience) -> RemoteFile:
    address = Address(f"{server.url}/file", "Bearer secret")
    return RemoteFile(Web(None, patience), address, "Hugging Face org/name", plainly("Log in."))


def test_no_more_is_fetched_than_is_read(server: FileServer, file: RemoteFile) -> None:
    more = BODY * 200  # than fits on the way to us
    server.files["/file"] = Served(more)
    assert file.read_exactly(10) == BODY[:10]
    assert file.read_exactly(100) == BODY[10:110]
    file.close()
    assert server.log[0].sent < len(more)
    assert len(server.log) == 1


def test_the_whole_of_a_small_file(server: FileServer, file: RemoteFile) -> None:
    server.files["/file"] = Served(b"{}")
    assert file.read_whole(2) == b"{}"


def test_a_large_file_where_a_small_one_should_be(server: FileServer, file: RemoteFile) -> None:
    server.files["/file"] = Served(BODY)
    with pytest.raises(SourceFailed, match="gives more than 1000 bytes"):
        file.read_whole(1000)


@pytest.mark.parametrize("tells_length", [True, False])
def test_an_empty_file(server: FileServer, file: RemoteFile, tells_length: bool) -> None:
    server.files["/file"] = Served(b"", tells_length=tells_length)
    assert file.read_whole(10) == b""


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_cut_is_mended(server: FileServer, file: RemoteFile, knows_ranges: bool) -> None:
    server.files["/file"] = Served(BODY, cuts=[100_000, 150_000], knows_ranges=knows_ranges)
    assert file.read_whole(10**6) == BODY
    ranges = [seen.headers.get("range") for seen in server.log]
    assert ranges[:2] == [None, "bytes=100000-"]


def test_a_stall_is_mended(server: FileServer) -> None:
    server.files["/file"] = Served(BODY, stalls=[100_000])
    with _opened(server, SOON_CUT) as file:
        assert file.read_whole(10**6) == BODY


def test_a_server_that_cuts_at_the_same_byte_for_ever(server: FileServer, file: RemoteFile) -> None:
    server.files["/file"] = Served(BODY, cuts=[1000] + [0] * 10)
    with pytest.raises(SourceFailed, match=r"Hugging Face org/name was cut, 3 times in a row\."):
        file.read_whole(10**6)


def test_a_passing_trouble_passes(server: FileServer, file: RemoteFile) -> None:
    server.files["/file"] = Served(BODY, statuses=[503, 429])
    assert file.read_exactly(5) == BODY[:5]


def test_a_lasting_trouble(server: FileServer, file: RemoteFile) -> None:
    server.files["/file"] = Served(BODY, status=503)
    with pytest.raises(SourceFailed, match="answered HTTP 503, 3 times in a row"):
        file.read(1)


@pytest.mark.parametrize("status", [401, 403])
def test_refused(server: FileServer, file: RemoteFile, status: int) -> None:
    server.files["/file"] = Served(status=status)
    with pytest.raises(SourceFailed, match=rf"refuses us \(HTTP {status}\)") as caught:
        file.read(1)
    assert caught.value.hint == "Log in."
    assert "secret" not in str(caught.value)


def test_missing(file: RemoteFile) -> None:
    with pytest.raises(UnknownModel, match=r"Hugging Face org/name does not exist there \(HTTP 404\)"):
        file.read(1)


def test_nobody_there() -> None:
    with serving() as gone:
        address = Address(f"{gone.url}/file")
    # One try is enough: before another one it would wait for longer than a test may take.
    web = Web(None, replace(HURRIED, pause_seconds=3600))
    file = RemoteFile(web, address, "Hugging Face org/name", plainly(""))
    with pytest.raises(SourceFailed, match=r"Hugging Face org/name is unreachable \(connection refused\)"):
        file.read(1)


def test_a_redirect_takes_no_credentials_along(server: FileServer, file: RemoteFile) -> None:
    with serving() as cdn:
        server.files["/file"] = Served(location=f"{cdn.url}/there")
        cdn.files["/there"] = Served(BODY, cuts=[1000])
        assert file.read_exactly(2000) == BODY[:2000]
        assert [seen.headers.get("authorization") for seen in server.log] == ["Bearer secret"] * 2
        assert [seen.headers.get("authorization") for seen in cdn.log] == [None] * 2
        assert cdn.log[1].headers["range"] == "bytes=1000-"
