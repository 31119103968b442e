"""An Ollama daemon without an engine, by its documented API, which misbehaves when a test asks it to.

https://github.com/ollama/ollama/blob/main/docs/api.md and docs/openapi.yaml; where those are silent (status
codes, error texts, what shares memory with what) server/routes.go and server/sched.go.

In a test: `async with FakeOllama() as daemon: ... daemon.url`. As a program, which listens where OLLAMA_HOST
says: `python -m tests.fakes.ollama serve`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Self

from aiohttp import web

from tests.fakes.listening import listen
from tests.fakes.ollama_store import (
    GIB,
    Loaded,
    Published,
    Refusal,
    Store,
    Stored,
    full_name,
    go_value,
    short_name,
)

WORDS = ("The", " sales", " rise", ".")
_NOW = "2026-11-27T12:00:00.000000Z"
_NEVER = "2318-09-13T12:00:00.000000Z"
_STEPS = 8
"""Reports of a layer while it comes."""
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_IMAGE = re.compile(r"data:image/(jpeg|jpg|png|webp);base64,(?P<data>.+)")
_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


class FakeOllama:
    """`store` is what it has; the rest is how it misbehaves."""

    def __init__(self, store: Store | None = None, port: int = 0, host: str = "127.0.0.1") -> None:
        self.store = store or Store(library={"gemma3:12b": Published()})
        self.port = port
        self._host = host
        self.requests: list[tuple[str, str]] = []
        """Method and path of all it was asked."""
        self.cuts: list[tuple[str, float]] = []
        """Each troubles one pull at a share of the weights: the 'connection' or the 'library' breaks, it ends
        in 'silence', or it takes an eighth back to fetch it 'again'."""
        self.images: list[bytes] = []
        """All that came by the OpenAI route, as it was decoded."""
        self.embeds: tuple[str, ...] = ()
        """What the names of models have in them that make vectors and do not write."""
        self.load_seconds = 0.0
        self.step_seconds = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[self._door], client_max_size=2**40)
        app.add_routes(
            [
                web.get("/", _alive),
                web.get("/api/version", self._version),
                web.get("/api/tags", self._tags),
                web.get("/api/ps", self._ps),
                web.get("/v1/models", self._models),
                web.post("/api/show", self._show),
                web.post("/api/pull", self._pull),
                web.post("/api/create", self._create),
                web.post("/api/copy", self._copy),
                web.post("/api/blobs/{digest}", self._new_blob),
                web.route("HEAD", "/api/blobs/{digest}", self._has_blob),
                web.delete("/api/delete", self._delete),
                web.post("/api/generate", self._generate),
                web.post("/api/embed", self._embed),
                web.post("/api/chat", self._chat),
                web.post("/v1/chat/completions", self._completions),
            ]
        )
        self._runner, self.port = await listen(app, self._host, self.port)

    async def stop(self) -> None:
        """Gone, and its memory with it; what is on disk stays."""
        await self._runner.cleanup()
        self.store.loaded.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, path: str) -> int:
        """How often."""
        return sum(each == path for _, each in self.requests)

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        try:
            return await handler(request)
        except Refusal as refusal:
            if request.path.startswith("/v1/"):
                kind = _TYPES.get(refusal.status, "api_error")
                error = {"message": refusal.words, "type": kind, "param": None, "code": None}
                return web.json_response({"error": error}, status=refusal.status)
            return web.json_response({"error": refusal.words}, status=refusal.status)
        except web.HTTPNotFound:
            return web.Response(text="404 page not found", status=404)
        except web.HTTPMethodNotAllowed:
            return web.Response(text="405 method not allowed", status=405)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": self.store.version})

    async def _tags(self, request: web.Request) -> web.Response:
        listed = [
            {
                "name": short_name(each.name),
                "model": short_name(each.name),
                "modified_at": _NOW,
                "size": each.size,
                "digest": each.digest,
                "details": _details(each),
            }
            for each in reversed(self.store.models.values())
        ]
        return web.json_response({"models": listed})

    async def _models(self, request: web.Request) -> web.Response:
        data = [
            {"id": short_name(each.name), "object": "model", "created": 1, "owned_by": "library"}
            for each in self.store.models.values()
        ]
        return web.json_response({"object": "list", "data": data})

    async def _ps(self, request: web.Request) -> web.Response:
        self.store.expire()
        return web.json_response({"models": [_running(each) for each in self.store.loaded.values()]})

    async def _show(self, request: web.Request) -> web.Response:
        model = self.store.find(_name(await _body(request)))
        parameters = "\n".join(_parameter_lines(model))
        blobs = [each.replace(":", "-") for each in (model.weights, model.projector) if each]
        modelfile = (
            '# Modelfile generated by "ollama show"\n'
            "# To build a new Modelfile based on this, replace FROM with:\n"
            f"# FROM {short_name(model.name)}\n\n"
            + "".join(f"FROM /root/.ollama/models/blobs/{blob}\n" for blob in blobs)
            + 'TEMPLATE """{{ .Prompt }}"""\n'
            + "".join(f"PARAMETER {' '.join(line.split(maxsplit=1))}\n" for line in parameters.splitlines())
        )
        info = {
            "general.architecture": model.architecture,
            f"{model.architecture}.context_length": self.store.trained_context,
        }
        return web.json_response(
            {
                "license": "MIT",
                "modelfile": modelfile,
                "parameters": parameters,
                "template": "{{ .Prompt }}",
                "details": _details(model),
                "model_info": info,
                "capabilities": ["completion", "vision"],
                "modified_at": _NOW,
            }
        )

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name = _name(body)
        full_name(name)
        return await _told(request, body, self._pulling(request, name))

    async def _pulling(self, request: web.Request, name: str) -> AsyncStatuses:
        yield {"status": "pulling manifest"}
        published = self.store.published(name)
        layers = published.layers(short_name(full_name(name)))
        cut = self.cuts.pop(0) if self.cuts else None
        for digest, size in layers.items():
            async for status in self._fetching(request, digest, size, cut):
                yield status
            cut = None
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        self.store.keep(name, layers, dict(published.parameters), architecture=published.architecture)
        yield {"status": "success"}

    async def _fetching(
        self, request: web.Request, digest: str, size: int, cut: tuple[str, float] | None
    ) -> AsyncStatuses:
        store = self.store
        said = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size}
        if digest in store.blobs:
            yield said | {"completed": size}
            return
        done = store.partial.get(digest, 0)
        yield said | ({"completed": done} if done else {})
        while done < size:
            await asyncio.sleep(self.step_seconds)
            step = min(size - done, max(1, size // _STEPS))
            if cut and done + step > size * cut[1]:
                if cut[0] == "library":
                    raise Refusal(500, "max retries exceeded: unexpected EOF")
                if cut[0] == "silence":
                    raise Silence
                if cut[0] == "again":
                    cut, done = None, done - step
                    yield said | {"completed": done}
                    continue
                assert request.transport is not None
                request.transport.abort()
                await asyncio.sleep(3600)
            if step > store.disk_free:
                blob = digest.replace(":", "-")
                raise Refusal(
                    500, f"write /root/.ollama/models/blobs/{blob}-partial: no space left on device"
                )
            store.disk_free -= step
            done += step
            store.partial[digest] = done
            yield said | {"completed": done}
        store.blobs[digest] = size
        store.partial.pop(digest, None)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name = _name(body)
        full_name(name)
        if any(digest not in self.store.blobs for digest in (body.get("files") or {}).values()):
            raise Refusal(400, "blob not found")
        return await _told(request, body, self._creating(request, name, body))

    async def _creating(self, request: web.Request, name: str, body: dict[str, Any]) -> AsyncStatuses:
        parameters = dict(body.get("parameters") or {})
        if base := body.get("from"):
            if full_name(base) not in self.store.models:
                async for status in self._pulling(request, base):
                    yield status
            found = self.store.find(base)
            for digest in found.layers:
                yield {"status": f"using existing layer {digest}"}
            layers, origin = found.layers, {"architecture": found.architecture, "parent": base}
            parameters = found.parameters | parameters
        elif files := body.get("files"):
            yield {"status": "parsing GGUF"}
            layers = {digest: self.store.blobs[digest] for digest in files.values()}
            origin = {"projector": list(layers)[1]} if len(layers) > 1 else {}
        else:
            raise Refusal(400, "neither 'from' or 'files' was specified")
        self.store.keep(name, layers, parameters, **origin)
        yield {"status": "writing manifest"}
        yield {"status": "success"}

    async def _copy(self, request: web.Request) -> web.Response:
        body = await _body(request)
        found = self.store.models.get(full_name(body.get("source", "")))
        if found is None:
            raise Refusal(404, f'model "{body.get("source")}" not found')
        self.store.keep(body["destination"], found.layers, found.parameters, architecture=found.architecture)
        return web.Response()

    async def _has_blob(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["digest"] in self.store.blobs else 404)

    async def _new_blob(self, request: web.Request) -> web.Response:
        digest = request.match_info["digest"]
        if not re.fullmatch(r"sha256[:-][0-9a-f]{64}", digest):
            raise Refusal(400, "invalid digest format")
        if digest in self.store.blobs:
            return web.Response(status=200)
        checksum, size = hashlib.sha256(), 0
        async for part in request.content.iter_chunked(2**20):
            checksum.update(part)
            size += len(part)
        if (got := f"sha256:{checksum.hexdigest()}") != digest:
            raise Refusal(400, f'digest mismatch, expected "{digest}", got "{got}"')
        self.store.blobs[digest] = size
        return web.Response(status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        del self.store.models[self.store.find(_name(await _body(request))).name]
        return web.Response()

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name, keep = _name(body), _seconds(body.get("keep_alive"))
        if any(word in name for word in self.embeds):
            raise Refusal(400, f'"{name}" does not support generate')
        said: dict[str, Any] = {"model": name, "created_at": _NOW, "response": "", "done": True}
        if not body.get("prompt") and keep == 0:
            self.store.unload(name)
            return web.json_response(said | {"done_reason": "unload"})
        await self._load(name, keep)
        if not body.get("prompt"):
            return web.json_response(said | {"done_reason": "load"})
        if body.get("stream", True):
            parts = [said | {"response": word, "done": False} for word in WORDS]
            return await _told(request, body, _each([*parts, said | _counts()]))
        return web.json_response(said | {"response": "".join(WORDS)} | _counts())

    async def _embed(self, request: web.Request) -> web.Response:
        body = await _body(request)
        name, keep = _name(body), _seconds(body.get("keep_alive"))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        if not texts and keep == 0:
            self.store.unload(name)
        else:
            await self._load(name, keep)
        return web.json_response({"model": name, "embeddings": [[1.0, 0.0] for _ in texts]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name, keep = _name(body), _seconds(body.get("keep_alive"))
        said: dict[str, Any] = {
            "model": name,
            "created_at": _NOW,
            "message": {"role": "assistant", "content": ""},
            "done": True,
        }
        if not body.get("messages") and keep == 0:
            self.store.unload(name)
            return web.json_response(said | {"done_reason": "unload"})
        await self._load(name, keep)
        if not body.get("messages"):
            return web.json_response(said | {"done_reason": "load"})
        whole = said | {"message": {"role": "assistant", "content": "".join(WORDS)}} | _counts()
        if not body.get("stream", True):
            return web.json_response(whole)
        parts = [said | {"message": {"role": "assistant", "content": word}, "done": False} for word in WORDS]
        return await _told(request, body, _each([*parts, said | _counts()]))

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if not body.get("messages"):
            raise Refusal(400, "[] is too short - 'messages'")
        name = _name(body)
        self.images += _images(body["messages"])
        await self._load(name, None)
        head = {"id": "chatcmpl-1", "created": 1, "model": name, "system_fingerprint": "fp_ollama"}
        usage = {"prompt_tokens": 7, "completion_tokens": len(WORDS), "total_tokens": 7 + len(WORDS)}
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for word in (*WORDS, ""):
            delta = {"role": "assistant", "content": word}
            choice = {"index": 0, "delta": delta, "finish_reason": None if word else "stop"}
            event = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        if (body.get("stream_options") or {}).get("include_usage"):
            event = {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _load(self, name: str, keep: float | None) -> Loaded:
        self.store.find(name)
        if self.load_seconds:
            await asyncio.sleep(self.load_seconds)
        return self.store.load(name, keep)


class Silence(Exception):
    """An answer ends in the middle as if that were its end."""


AsyncStatuses = Any
"""An asynchronous generator of the objects of a streamed answer."""


async def _alive(request: web.Request) -> web.Response:
    return web.Response(text="Ollama is running")


async def _body(request: web.Request) -> dict[str, Any]:
    text = await request.read()
    if not text:
        raise Refusal(400, "missing request body")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    if not isinstance(value, dict):
        raise Refusal(400, "json: cannot unmarshal array into Go value")
    return value


def _name(body: dict[str, Any]) -> str:
    """`name` is what versions before 0.5 called it."""
    name = body.get("model") or body.get("name")
    if not name:
        raise Refusal(400, "model is required")
    return str(name)


def _images(messages: list[dict[str, Any]]) -> Iterator[bytes]:
    """Data only: the daemon fetches no address."""
    for message in messages:
        parts = message["content"] if isinstance(message["content"], list) else []
        for part in parts:
            if part["type"] == "image_url":
                found = _IMAGE.match(part["image_url"]["url"])
                if not found:
                    raise Refusal(400, "invalid image input")
                yield base64.b64decode(found["data"])


def _seconds(keep_alive: str | float | None) -> float | None:
    """'5m', 300 or -1."""
    if keep_alive is None:
        return None
    if isinstance(keep_alive, str):
        parts = re.findall(r"([\d.]+)(ms|s|m|h)", keep_alive)
        if not parts:
            raise Refusal(400, f'time: invalid duration "{keep_alive}"')
        value = sum(float(number) * _UNITS[unit] for number, unit in parts)
        keep_alive = -value if keep_alive.startswith("-") else value
    return float("inf") if keep_alive < 0 else float(keep_alive)


async def _told(request: web.Request, body: dict[str, Any], statuses: AsyncStatuses) -> web.StreamResponse:
    """Line by line, or the last alone. An error that comes after the first line cannot be the status."""
    if body.get("stream", True) is False:
        last: dict[str, Any] = {}
        async for status in statuses:
            last = status
        return web.json_response(last)
    response: web.StreamResponse | None = None
    try:
        async for status in statuses:
            if response is None:
                response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
                await response.prepare(request)
            await response.write(json.dumps(status).encode() + b"\n")
    except Silence:
        pass
    except Refusal as refusal:
        if response is None:
            raise
        await response.write(json.dumps({"error": refusal.words}).encode() + b"\n")
    assert response is not None
    return response


async def _each(values: list[dict[str, Any]]) -> AsyncStatuses:
    for value in values:
        yield value


def _counts() -> dict[str, Any]:
    return {
        "done_reason": "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": 7,
        "prompt_eval_duration": 1_000_000,
        "eval_count": len(WORDS),
        "eval_duration": 3_000_000,
    }


def _details(model: Stored) -> dict[str, Any]:
    return {
        "parent_model": model.parent,
        "format": "gguf",
        "family": model.architecture,
        "families": [model.architecture],
        "parameter_size": "12.2B",
        "quantization_level": "Q4_K_M",
    }


def _running(loaded: Loaded) -> dict[str, Any]:
    name = short_name(loaded.model.name)
    return {
        "name": name,
        "model": name,
        "size": loaded.size,
        "digest": loaded.model.digest,
        "details": _details(loaded.model),
        "expires_at": _NEVER if loaded.keep_seconds == float("inf") else _NOW,
        "size_vram": loaded.size_vram,
        "context_length": loaded.context,
    }


def _parameter_lines(model: Stored) -> Iterator[str]:
    for name, value in model.parameters.items():
        for each in value if isinstance(value, list) else [value]:
            yield f"{name:<30} {go_value(each)}"


async def _serve() -> None:
    """Until asked to end. Its library has one tag, its card 24 GiB."""
    host, _, port = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434").rpartition(":")
    parallel = int(os.environ.get("OLLAMA_NUM_PARALLEL", "1"))
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    store = Store(library={"gemma3:12b": Published(weights=8 * GIB)}, parallel=parallel)
    async with FakeOllama(store, int(port), host) as daemon:
        print(f"Listening on {host}:{daemon.port} (version {store.version})", flush=True)
        await ended.wait()


if __name__ == "__main__":
    if sys.argv[1:] != ["serve"]:
        raise SystemExit("usage: python -m tests.fakes.ollama serve")
    asyncio.run(_serve())
