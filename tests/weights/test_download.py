from __future__ import annotations

from collections.abc import Iterator

import pytest

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.download import Remote, download
from kanoa_mlops.weights.part import Part, open_part
from kanoa_mlops.weights.refused import plainly
from kanoa_mlops.weights.web import Web
from tests.weights.make import HURRIED, SOON_CUT, Heard, Impatient, noise, sha256
from tests.weights.server import FileServer, Served

BODY = noise(300_000)


@pytest.fixture
def web() -> Web:
    return Web(None, HURRIED)


@pytest.fixture
def part(settings: Settings) -> Iterator[Part]:
    with open_part(settings, sha256(BODY), "tiny", Heard()) as part:
        yield part


@pytest.fixture
def remote(server: FileServer) -> Remote:
    return Remote(
        name="tiny.gguf",
        source="Hub",
        address=Address(f"{server.url}/tiny"),
        size=len(BODY),
        sha256=sha256(BODY),
        refused=plainly("Knock first."),
    )


def _ranges(server: FileServer) -> list[str | None]:
    return [seen.headers.get("range") for seen in server.log]


def test_in_one_go(server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard) -> None:
    server.files["/tiny"] = Served(BODY)
    download(remote, part, web, heard)
    assert part.path.read_bytes() == BODY
    assert (heard.started, heard.advanced, heard.finished) == ([("tiny.gguf", 300_000, 0)], 300_000, 1)
    assert heard.notes == []


def test_a_whole_part_asks_nobody(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    part.append(BODY)
    download(remote, part, web, heard)
    assert server.log == []
    assert heard == Heard()


def test_cuts_are_overcome(server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard) -> None:
    server.files["/tiny"] = Served(BODY, cuts=[100_000, 50_000, 0, 0, 20_000])
    download(remote, part, web, heard)
    assert part.sha256 == remote.sha256
    assert _ranges(server) == [None, *["bytes=100000-"], *["bytes=150000-"] * 3, "bytes=170000-"]
    assert heard.notes[0] == "Hub was cut at 97.7 KiB of 293 KiB; trying again in 0.01 s."
    assert sum(seen.sent for seen in server.log) == len(BODY)


def test_a_stall_counts_as_a_cut(server: FileServer, remote: Remote, part: Part, heard: Heard) -> None:
    server.files["/tiny"] = Served(BODY, stalls=[100_000])
    download(remote, part, Web(None, SOON_CUT), heard)
    assert _ranges(server) == [None, "bytes=100000-"]
    assert "was cut (timed out)" in heard.notes[0]


def test_it_gives_up_when_nothing_more_comes(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, cuts=[100_000, 0, 0, 0, 0])
    with pytest.raises(SourceFailed, match=r"was cut at 97\.7 KiB of 293 KiB, 3 times in a row"):
        download(remote, part, web, heard)
    assert part.size == 100_000


def test_an_earlier_run_is_gone_on_from(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, cuts=[100_000])
    part.append(BODY[:1000])
    download(remote, part, web, heard)
    assert heard.notes[0] == "1000 B of tiny.gguf are here already; going on from there."
    assert _ranges(server) == ["bytes=1000-", "bytes=101000-"]


def test_passing_troubles_of_a_server_pass(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, statuses=[503, 500])
    download(remote, part, web, heard)
    assert part.sha256 == remote.sha256
    assert [note.split(" at ")[0] for note in heard.notes] == [
        "Hub answered HTTP 503",
        "Hub answered HTTP 500",
    ]


def test_a_server_that_ignores_ranges_begins_anew(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, knows_ranges=False)
    part.append(BODY[:1000])
    download(remote, part, web, heard)
    assert part.sha256 == remote.sha256
    assert heard.started == [("tiny.gguf", 300_000, 0)]


def test_a_server_that_ignores_ranges_and_always_cuts_is_left(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, knows_ranges=False, cuts=[100_000] * 20)
    with pytest.raises(SourceFailed, match="3 times in a row"):
        download(remote, part, web, heard)
    assert len(server.log) == 4


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_shorter_file_is_not_asked_for_without_end(
    tells_length: bool, server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY[:1000], tells_length=tells_length)
    with pytest.raises(
        SourceFailed,
        match="a file of 1000 bytes there, and 300000 are listed" if tells_length else "3 times",
    ):
        download(remote, part, web, heard)
    assert len(server.log) <= 5


def test_a_part_beyond_the_servers_end_is_thrown_away(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY, statuses=[416])
    part.append(BODY[:1000])
    download(remote, part, web, heard)
    assert _ranges(server) == ["bytes=1000-", None]
    assert part.sha256 == remote.sha256


def test_changed_content_is_fetched_once_more_from_the_start(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY)
    part.append(bytes(1000))
    download(remote, part, web, heard)
    assert _ranges(server) == ["bytes=1000-", None]
    assert heard.notes[-1] == "Hub gave other bytes than are listed; once more from the start."


def test_wrong_bytes_are_not_kept(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(noise(300_000, seed=2))
    with pytest.raises(SourceFailed, match="gives other bytes than are listed"):
        download(remote, part, web, heard)
    assert len(server.log) == 2
    assert part.size == 0


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (401, "refuses us (HTTP 401)", "Knock first."),
        (403, "refuses us (HTTP 403)", "Knock first."),
        (404, "does not have tiny.gguf (HTTP 404)", ""),
        (418, "answered HTTP 418", ""),
    ],
)
def test_a_refusal_is_final(
    status: int, message: str, hint: str, server: FileServer, remote: Remote, part: Part, web: Web
) -> None:
    server.files["/tiny"] = Served(status=status)
    with pytest.raises(SourceFailed) as caught:
        download(remote, part, web, Heard())
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert len(server.log) == 1


def test_ctrl_c_leaves_what_came(
    server: FileServer, remote: Remote, part: Part, web: Web, heard: Heard
) -> None:
    server.files["/tiny"] = Served(BODY)
    with pytest.raises(KeyboardInterrupt):
        download(remote, part, web, Impatient())
    assert 100_000 < part.size < 300_000
    kept = part.size
    download(remote, part, web, heard)
    assert _ranges(server) == [None, f"bytes={kept}-"]
    assert part.sha256 == remote.sha256
