"""Whatever is asked within the description and beyond it: an answer as described, and no 5xx but those of it.

Bounded for the suite. For longer, with N examples for each operation:

    KANOA_FUZZ=2000 pytest tests/gateway/test_fuzz.py --timeout 3600
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.openapi import described
from kanoa_mlops.gateway.server import start_gateway
from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.file_reading import FileReading
from kanoa_mlops.grounding.library.ids import file_id_of
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import HUB_NAME, NotedReader, backend

EXAMPLES = int(os.environ.get("KANOA_FUZZ", "8"))
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
ERRORS = described("")["x-kanoa-errors"]
MISBEHAVIOUR = [
    "json for stream", "page for stream", "cut before headers", "cut after headers", "cut between events",
    "cut mid-event", "cut mid-json", "end without done", "done without blank line", "crlf events", "say done",
    "comments first", "error event first", "error event later", "error with 200", "say nothing", "busy",
    "broken page", "redirect", "unauthorized", "too long", "hi",
]  # fmt: skip
"""What the engine does when it is told that."""


STORE = "vs_" + "0" * 24


class Engine(FakeEngine):
    """Refuses what it finds no words in, instead of failing in its own way."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await super()._handle(request)
        except (AttributeError, IndexError, KeyError, TypeError):
            error = {"message": "nothing was said", "code": 400, "type": "invalid_request_error"}
            return web.json_response({"error": error}, status=400)


class Street(threading.Thread):
    """An engine and a gateway before it on a loop of their own, as the fuzzer blocks its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.url = ""
        self.engine = Engine()
        self._backends, self._keys = Backends(), count()
        self._open, self._over = threading.Event(), asyncio.Event()

    def run(self) -> None:
        asyncio.run(self._stand())

    async def _stand(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self.engine as engine:
            for each in (backend(engine.url), backend(engine.url, model="sees", aliases=(), sees=True)):
                self._backends.put(each)
            with TemporaryDirectory() as folder, FileReader() as reader:
                archive = LocalArchive(Path(folder) / "documents.db")
                archive.create(Collection(STORE, "papers", created_at=1.0))
                archive.put(STORE, Document("a.txt", "a.txt", "0" * 64, (Chunk("c1", "the drift"),)))
                library = Library(archive, reading=FileReading(reader))
                library.start()
                app = make_app(
                    self._backends,
                    figures=NotedReader(),
                    version="1.2.3",
                    max_body_bytes=10**6,
                    documents=lambda: library,
                )
                gateway = await start_gateway(app, "127.0.0.1", 0)
                self.url = gateway.url
                self._open.set()
                await self._over.wait()
                await gateway.stop(1)
                await asyncio.to_thread(library.close)
                archive.close()

    def mend(self) -> None:
        """What requests met there before is forgotten, as with another key. Else one that is refused for its
        key, or breaks off, keeps all that come after it from the engine."""

        async def mended() -> None:
            for each in self._backends.all():
                self._backends.put(replace(each, engine_key=f"key-{next(self._keys)}"))

        asyncio.run_coroutine_threadsafe(mended(), self._loop).result(60)

    def __enter__(self) -> Street:
        self.start()
        assert self._open.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(60)


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with Street() as open_street:
        yield open_street


def sharpened(document: dict[str, Any]) -> dict[str, Any]:
    """The description as who knows this gateway would fill it in to see its engine fail."""
    document = copy.deepcopy(document)
    known = {"vector_store_id": ["papers", STORE, "none"], "file_id": [file_id_of(STORE, "a.txt"), "file-0"]}
    for item in document["paths"].values():
        for each in item.get("parameters", ()):
            each["schema"] = {"enum": known[each["name"]]} if each["name"] in known else each["schema"]
    schemas = document["components"]["schemas"]
    schemas["ModelName"] = {"enum": ["smollm2", "sees", HUB_NAME, "tiny:latest", "nobody"]}
    images = {
        "type": "array",
        "items": {"enum": ["data:image/png;base64,iVBORw0KGgo=", "AAAA", "http://a/b"]},
    }
    part = {
        "type": "object",
        "properties": {
            "type": {"enum": ["text", "image_url", "input_image", "video_url"]},
            "text": {"type": "string"},
            "image_url": {"type": "object", "properties": {"url": images["items"]}},
        },
    }
    said = {"anyOf": [{"enum": MISBEHAVIOUR}, {"type": "array", "items": part}, {"type": "null"}]}
    schemas["Chat"]["properties"]["messages"]["items"]["properties"]["content"] = said
    schemas["Completion"]["properties"]["prompt"] = {"enum": MISBEHAVIOUR}
    for name, field in (
        ("OllamaGenerate", "prompt"),
        ("OllamaEmbeddings", "prompt"),
        ("Responses", "instructions"),
    ):
        schemas[name]["properties"][field] = {"enum": MISBEHAVIOUR}
    schemas["Responses"]["properties"]["input"] = {"anyOf": [{"enum": MISBEHAVIOUR}, {"type": "array"}]}
    message = schemas["OllamaChat"]["properties"]["messages"]["items"]["properties"]
    message["content"], message["images"] = {"enum": MISBEHAVIOUR}, images
    schemas["OllamaGenerate"]["properties"]["images"] = images
    return document


API = schemathesis.openapi.from_dict(sharpened(described("1.2.3")))


@API.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: schemathesis.Case[Any], street: Street) -> None:
    street.mend()
    answer = case.call(base_url=street.url, timeout=60)
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code >= 400 and case.method != "HEAD":
        assert documented(answer.status_code, json.loads(answer.content), case.path), answer.content


@pytest.mark.parametrize("doing", ["unauthorized", "cut before headers", "busy"])
def test_each_example_finds_the_engine_as_it_was(street: Street, doing: str) -> None:
    def ask(text: str) -> int:
        asked: Any = {"model": "smollm2", "messages": [{"role": "user", "content": text}]}
        return int(requests.post(f"{street.url}/v1/chat/completions", json=asked, timeout=60).status_code)

    for _ in range(4):
        street.mend()
        assert ask(doing) >= 500
    street.mend()
    assert ask("hi") == 200


def documented(status: int, body: dict[str, Any], path: str) -> bool:
    """The gateway speaks by codes that are described, with that status.

    Never of a fault of its own: what is above 500 is the engine's doing, and 501 what is not done here.
    """
    error = body["error"]
    if path.startswith("/api/"):
        return isinstance(error, str) and "failed on this request" not in error
    if error["source"] == "engine":
        return isinstance(error["code"], str)
    if status >= 500 and not error["code"].startswith("engine_"):
        return status == 501 and error["code"] == "not_supported"
    return status in ERRORS[error["code"]]["status"]
