from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from kanoa_mlops.errors import SettingsError, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.web import Web
from tests.weights.make import HURRIED
from tests.weights.server import FileServer, Served, serving


def _get(address: Address, certificates: Path | None = None, patience: Patience = HURRIED) -> bytes:
    with Web(certificates, patience).open(address) as answer:
        return answer.stream.read1(1000)


@pytest.fixture(autouse=True)
def local(settings: Settings) -> Settings:
    return settings


def test_credentials_stay_with_the_place_they_are_for(server: FileServer) -> None:
    with serving() as cdn:
        server.files["/moved"] = Served(location="/here")
        server.files["/here"] = Served(location=f"{cdn.url}/there?signature=abc")
        cdn.files["/there?signature=abc"] = Served(b"weights")
        assert _get(Address(f"{server.url}/moved", "Bearer secret")) == b"weights"
        assert [seen.headers.get("authorization") for seen in server.log] == ["Bearer secret"] * 2
        assert [seen.headers.get("authorization") for seen in cdn.log] == [None]


def test_a_range_is_asked_for_again_after_a_redirect(server: FileServer) -> None:
    with serving() as cdn:
        server.files["/here"] = Served(location=f"{cdn.url}/there")
        cdn.files["/there"] = Served(b"weights")
        with Web(None, HURRIED).open(Address(f"{server.url}/here"), offset=3) as answer:
            assert (answer.status, answer.stream.read1(100)) == (206, b"ghts")
            assert answer.url == f"{cdn.url}/there"


def test_redirects_without_end_and_to_elsewhere_are_refused(server: FileServer) -> None:
    server.files["/round"] = Served(location="/round")
    server.files["/ftp"] = Served(location="ftp://127.0.0.1/x")
    server.files["/file"] = Served(location="file:///etc/hostname")
    for path in ("/round", "/ftp", "/file"):
        with pytest.raises(SourceFailed, match="is unreachable"):
            _get(Address(server.url + path))


def test_nobody_there_is_known_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = Address(f"http://127.0.0.1:{unused.getsockname()[1]}/")
        with pytest.raises(SourceFailed, match=r"^is unreachable \(connection refused\)$"):
            _get(address, patience=Patience(3600, 3600, pause_seconds=3600))


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(SourceFailed, match=r"^is unreachable \(its name cannot be resolved\)$"):
        _get(Address("http://hub.invalid/"))


@pytest.mark.parametrize("full", [False, True])
def test_silence_is_bounded(full: bool) -> None:
    """A listener whose queue is full answers no connection, as a silent firewall does not; one with room
    lets us connect and says nothing."""
    with socket.socket() as listener, socket.socket() as other:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if full else 5)
        port = listener.getsockname()[1]
        other.connect(("127.0.0.1", port))
        with pytest.raises(SourceFailed, match="timed out"):
            _get(
                Address(f"http://127.0.0.1:{port}/"),
                patience=Patience(connect_seconds=0.3, stall_seconds=0.3),
            )


def test_something_that_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Address(f"http://127.0.0.1:{listener.getsockname()[1]}/")

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SourceFailed, match="it does not speak HTTP as it should: BadStatusLine"):
            _get(client)
        thread.join()


def test_certificates(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, to make a certificate with, is not installed")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with serving(tls) as server:
        server.files["/tiny"] = Served(b"weights")
        with pytest.raises(SourceFailed, match="its certificate is not trusted: self") as caught:
            _get(Address(f"{server.url}/tiny"))
        assert "`certificates`" in caught.value.hint
        assert _get(Address(f"{server.url}/tiny"), tmp_path / "cert.pem") == b"weights"


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_certificates_that_are_none(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(SettingsError, match=r"^certificates: .*ca\.pem cannot be read"):
        Web(tmp_path / "ca.pem", HURRIED)


def test_a_file_is_an_address_too(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"weights")
    address = Address((tmp_path / "a b").as_uri())
    assert _get(address) == b"weights"
    with Web(None, HURRIED).open(address, offset=3) as answer:
        assert (answer.status, answer.stream.read1(100)) == (206, b"ghts")
    with pytest.raises(SourceFailed, match=r"cannot be read .*No such file"):
        _get(Address((tmp_path / "none").as_uri()))
