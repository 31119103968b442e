"""The Ollama daemon, played by a real server on this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.ollama import _port, find_ollama
from kanoa_mlops.hardware.patience import Patience

ANSWERS = {"/api/version": b'{"version":"0.13.5"}', "/proxied/api/version": b'{"version":"0.14.0"}'}


class Daemon(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = ANSWERS.get(self.path, b"<html>not found</html>")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Daemon) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/", "0.0.0.0:{}"]
)
def test_its_version_is_told_however_its_address_is_written(form: str, port: int) -> None:
    assert find_ollama(form.format(port), Patience(5)) == Findings(ollama="0.13.5")


def test_it_may_be_served_below_a_path(port: int) -> None:
    assert find_ollama(f"http://127.0.0.1:{port}/proxied", Patience(5)).ollama == "0.14.0"


def test_something_else_at_its_address_is_told(port: int) -> None:
    address = f"http://127.0.0.1:{port}/elsewhere"
    assert find_ollama(address, Patience(5)).unknown == (f"what listens at {address} is not Ollama",)


def test_nobody_there_is_no_trouble() -> None:
    assert find_ollama("127.0.0.1:1", Patience(5)) == Findings()


def test_one_that_never_answers_costs_no_more_than_the_patience() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        findings = find_ollama(address, Patience(0.3))
    assert findings.unknown == (f"Ollama at {address} did not answer within 0.3 s",)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("127.0.0.1", 11434),
        ("gpu-box", 11434),
        ("gpu-box:8080", 8080),
        ("http://gpu-box", 80),
        ("https://gpu-box", 443),
        ("https://gpu-box:11434", 11434),
    ],
)
def test_ports_are_guessed_as_ollama_guesses_them(address: str, number: int) -> None:
    """https://github.com/ollama/ollama/blob/main/envconfig/config.go"""
    assert _port(address) == number
