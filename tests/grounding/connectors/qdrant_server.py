"""Qdrant's REST for one collection: its client's own models read requests, its own parts answer them.

There is no package with the server. Its core, in Rust, is in qdrant-edge-py, whose binding makes a number of
the value true; qdrant-client's local mode has that right, and in turn takes what is true for a number.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import unquote

import qdrant_edge as edge
from pydantic import ValidationError
from qdrant_client import QdrantClient, models

Point = tuple[int, Sequence[float], Mapping[str, Any]]


class Collection(Protocol):
    name: str

    def keep(self, points: Sequence[Point]) -> None: ...

    def query(self, asked: models.QueryRequest) -> list[dict[str, Any]]:
        """
        Raises:
            ValueError: what the server would say with a 400.
        """
        ...


class Local:
    """qdrant-client's local mode."""

    def __init__(self, size: int, name: str = "papers") -> None:
        self.name = name
        self._client = QdrantClient(":memory:")
        self._client.create_collection(name, models.VectorParams(size=size, distance=models.Distance.COSINE))

    def keep(self, points: Sequence[Point]) -> None:
        self._client.upsert(
            self.name,
            [models.PointStruct(id=id, vector=list(near), payload=dict(kept)) for id, near, kept in points],
        )

    def query(self, asked: models.QueryRequest) -> list[dict[str, Any]]:
        found = self._client.query_points(
            self.name,
            query=asked.query,
            using=asked.using,
            query_filter=asked.filter,
            limit=asked.limit or 10,
            with_payload=asked.with_payload or False,
        )
        return [each.model_dump(exclude_none=True) for each in found.points]

    def close(self) -> None:
        self._client.close()


class Core:
    """Qdrant's own, embedded."""

    def __init__(self, folder: Path, size: int, name: str = "papers") -> None:
        self.name, self._size = name, size
        params = edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine)
        self._shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=params))

    def keep(self, points: Sequence[Point]) -> None:
        each = [edge.Point(id, list(near), dict(kept)) for id, near, kept in points]
        self._shard.update(edge.UpdateOperation.upsert_points(each))

    def query(self, asked: models.QueryRequest) -> list[dict[str, Any]]:
        near = asked.query
        assert isinstance(near, list)
        if len(near) != self._size:
            # As the server words it: lib/collection/src/operations/types.rs
            raise ValueError(
                f"Wrong input: Vector dimension error: expected dim: {self._size}, got {len(near)}"
            )
        request = edge.QueryRequest(
            limit=asked.limit or 10,
            query=edge.Query.Nearest(near),
            filter=None if asked.filter is None else _filter(asked.filter),
            with_payload=True,
        )
        return [
            {"id": each.id, "score": each.score, "payload": each.payload}
            for each in self._shard.query(request)
        ]

    def close(self) -> None:
        self._shard.close()


class QdrantServer:
    """In a test: `with QdrantServer(collection) as server`."""

    def __init__(self, collection: Collection, key: str = "") -> None:
        self._collection, self._key = collection, key

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._collection, self._key))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"


def _handler(collection: Collection, key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = self._answer(body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _answer(self, body: bytes) -> tuple[int, object]:
            if key and self.headers.get("api-key") != key:
                return 401, "Must provide an API key or an Authorization bearer token"
            _, collections, name, *rest = unquote(self.path).split("/")
            if (collections, rest) != ("collections", ["points", "query"]) or name != collection.name:
                return 404, {"status": {"error": f"Not found: Collection `{name}` doesn't exist!"}}
            try:
                points = collection.query(models.QueryRequest.model_validate_json(body, strict=True))
            except (ValidationError, ValueError) as error:
                return 400, {"status": {"error": str(error)}}
            return 200, {"result": {"points": points}, "status": "ok", "time": 0.0}

    return Handler


def _filter(given: models.Filter) -> edge.Filter:
    return edge.Filter(
        must=_conditions(given.must), should=_conditions(given.should), must_not=_conditions(given.must_not)
    )


def _conditions(given: Any) -> list[Any] | None:
    return None if given is None else [_condition(each) for each in given]


def _condition(given: Any) -> Any:
    if isinstance(given, models.Filter):
        return _filter(given)
    assert isinstance(given, models.FieldCondition)
    if isinstance(given.range, models.Range):
        return edge.FieldCondition(given.key, range=edge.RangeFloat(**given.range.model_dump()))
    assert isinstance(given.match, models.MatchValue)
    assert not isinstance(given.match.value, bool), "its binding takes it for a number"
    return edge.FieldCondition(given.key, match=edge.MatchValue(given.match.value))
