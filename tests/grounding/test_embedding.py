"""`HttpEmbedder` before a server that misbehaves on purpose. What a real one gives is in tests/e2e."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.embedding import HttpEmbedder, _batches
from kanoa_mlops.grounding.types import Prompts, Space

Reply = tuple[int, Any, dict[str, str]]
KEY = "sk-very-secret"


class Server(ThreadingHTTPServer):
    """Answers as `reply` says; by itself, with a vector of each text's length."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.reply: Callable[[dict[str, Any]], Reply] = right

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers["authorization"])
        status, document, headers = self.server.reply(body)
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


def vector(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.0]


def right(asked: dict[str, Any]) -> Reply:
    packed = [base64.b64encode(np.array(vector(text), "<f4").tobytes()).decode() for text in asked["input"]]
    data = [{"index": index, "embedding": each} for index, each in enumerate(packed)]
    return 200, {"data": data[::-1]}, {}  # in no order


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def embedder(server: Server) -> Iterator[HttpEmbedder]:
    with closing(HttpEmbedder(server.url, "m", key=KEY, prompts=Prompts("q: ", "d: "))) as made:
        yield made


def test_prompts_are_written_and_the_key_is_given(server: Server, embedder: HttpEmbedder) -> None:
    embedder.query("who")
    embedder.documents(["you", "me"])
    assert [each["input"] for each in server.asked] == [["q: who"], ["d: you", "d: me"]]
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_many_come_in_their_order_and_in_small_requests(server: Server, embedder: HttpEmbedder) -> None:
    texts = ["x" * length for length in range(1, 400)]
    rows = embedder.documents(texts)
    expected = np.array([vector(f"d: {text}") for text in texts])
    assert np.allclose(rows, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert max(sum(map(len, each["input"])) for each in server.asked) < 20_000
    assert len(server.asked) > 5


def test_of_nothing_there_is_nothing(embedder: HttpEmbedder) -> None:
    assert embedder.documents([]).shape == (0, 3)
    assert embedder.space == Space("m", 3)


def test_a_busy_server_is_asked_again(
    server: Server, embedder: HttpEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    refusals = [(429, {"error": {"message": "busy"}}, {"retry-after": "7"}), (503, b"loading", {})]
    server.reply = lambda asked: refusals.pop(0) if refusals else right(asked)
    assert embedder.query("x").shape == (3,)
    assert slept[0] == 7 and len(slept) == 2


@pytest.mark.parametrize("wait", ["3600", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"])
def test_but_not_for_ever(
    wait: str, server: Server, embedder: HttpEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    server.reply = lambda asked: (429, {"error": {"message": "busy"}}, {"retry-after": wait})
    with pytest.raises(RetrieverFailed, match="HTTP 429: busy") as caught:
        embedder.query("x")
    assert sum(slept) <= 60
    assert caught.value.hint


def _answer(*embeddings: Any) -> Reply:
    return 200, {"data": [{"index": at, "embedding": each} for at, each in enumerate(embeddings)]}, {}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((401, {"error": {"message": "no such key"}}, {}), "401: no such key"),
        ((404, {"error": {"message": "no such model"}}, {}), "404: no such model"),
        ((500, b"<html>oh no</html>", {}), "500: <html>oh no"),
        ((200, b"<html>", {}), "no answer of /v1/embeddings"),
        ((200, {"data": [{"embedding": [1.0]}]}, {}), "no answer of /v1/embeddings"),
        ((200, {"data": "x"}, {}), "no answer of /v1/embeddings"),
        (_answer(), "0 vectors for 1 text"),
        (_answer([1.0], [2.0]), "2 vectors for 1 text"),
        (_answer([1.0, float("nan")]), "not finite"),
        (_answer([0.0, 0.0]), "zeros"),
        (_answer([]), "several dimensions"),
        (_answer("%%%"), "neither base64 nor a list"),
        (_answer({"0": 1.0}), "neither base64 nor a list"),
        (_answer(["a"]), "neither base64 nor a list"),
        (_answer([[1.0], [2.0]]), "for each token"),
    ],
)
def test_what_cannot_be_right(reply: Reply, said: str, server: Server, embedder: HttpEmbedder) -> None:
    server.reply = lambda asked: reply
    with pytest.raises(RetrieverFailed, match=said) as caught:
        embedder.query("x")
    assert caught.value.hint or reply[0] == 500
    assert KEY not in repr((caught.value, caught.value.hint, embedder))


def test_another_dimension_than_before(server: Server, embedder: HttpEmbedder) -> None:
    embedder.query("x")
    server.reply = lambda asked: _answer([1.0, 2.0])
    with pytest.raises(RetrieverFailed, match="2 dimensions where 3 were expected"):
        embedder.query("x")


def test_nobody_listens() -> None:
    with (
        closing(HttpEmbedder("http://127.0.0.1:1/v1", "m", key=KEY)) as made,
        pytest.raises(RetrieverFailed, match="was not reached") as caught,
    ):
        made.query("x")
    assert "kanoa-mlops serve" in caught.value.hint


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {"error": {"message": "too much", "code": "context_length_exceeded"}}, {}),
        (500, {"error": {"message": "input (60 tokens) is too large to process", "code": 500}}, {}),
        (400, {"error": {"message": "This model's maximum context length is 8192 tokens"}}, {}),
    ],
)
def test_a_text_too_long_is_the_mean_of_its_halves(
    refusal: Reply, server: Server, embedder: HttpEmbedder
) -> None:
    server.reply = lambda asked: refusal if max(map(len, asked["input"])) > 40 else right(asked)
    long = "word " * 30
    short, row, other = embedder.documents(["a", long, "bb"])
    assert np.linalg.norm(row) == pytest.approx(1)
    assert np.allclose(short, embedder.documents(["a"])[0]) and np.allclose(
        other, embedder.documents(["bb"])[0]
    )
    # Nothing of it was left out.
    pieces = [text for each in server.asked for text in each["input"] if len(text) <= 40 and "word" in text]
    assert sum(map(len, pieces)) >= len(long)


def test_what_is_refused_however_short_is_refused(server: Server, embedder: HttpEmbedder) -> None:
    server.reply = lambda asked: (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, {})
    with pytest.raises(RetrieverFailed, match="HTTP 400"):
        embedder.query("a long question about nothing")


@given(st.lists(st.text(max_size=50), max_size=200))
def test_batches_are_the_texts(texts: list[str]) -> None:
    batches = list(_batches(texts))
    assert [text for batch in batches for text in batch] == texts
    assert all(batches)
