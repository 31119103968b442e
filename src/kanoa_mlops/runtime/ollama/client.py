"""The daemon's HTTP API, as far as we need it: https://github.com/ollama/ollama/blob/main/docs/api.md"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from kanoa_mlops.catalog.types import Kind
from kanoa_mlops.errors import OllamaAbsent, OllamaRefused
from kanoa_mlops.runtime.ollama.answers import Running, RunningModels, Shown, Status, Tag, Tags, Version

_Answer = TypeVar("_Answer", bound=BaseModel)

_QUICK = aiohttp.ClientTimeout(total=30, sock_connect=5)
"""A machine that is busy computing answers late."""
_PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=5)
"""Loading and fetching take as long as they take; the daemon knows when to give up."""
_LONGEST_LINE = 2**20
FOREVER = -1


class OllamaClient:
    """To be entered. Every call may raise:

    OllamaAbsent: nobody listens there, or left in the middle of an answer, or it is not Ollama.
    OllamaRefused: the daemon said no, in its own words.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(read_bufsize=_LONGEST_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def version(self) -> str:
        return (await self._get("/api/version", Version)).version

    async def tags(self) -> tuple[Tag, ...]:
        """The models on disk."""
        return (await self._get("/api/tags", Tags)).models or ()

    async def running(self) -> tuple[Running, ...]:
        """The models in memory."""
        return (await self._get("/api/ps", RunningModels)).models or ()

    async def show(self, model: str) -> Shown | None:
        """None where there is no such model."""
        try:
            async with self._ask("POST", "/api/show", {"model": model}) as answer:
                return self._read(await answer.read(), Shown)
        except OllamaRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    async def pull(self, model: str) -> AsyncGenerator[Status, None]:
        """What the daemon tells while it fetches, until it has all, or stops telling."""
        async for status in self._stream("/api/pull", {"model": model}):
            yield status

    async def create(
        self,
        model: str,
        parameters: Mapping[str, int | float],
        *,
        base: str | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Make a model from another one, or from files that were uploaded (name -> 'sha256:…')."""
        body: dict[str, Any] = {"model": model, "parameters": dict(parameters)}
        body |= {"from": base} if base else {"files": dict(files or {})}
        async for _ in self._stream("/api/create", body):
            pass

    async def has_blob(self, digest: str) -> bool:
        try:
            async with self._ask("HEAD", f"/api/blobs/{digest}"):
                return True
        except OllamaRefused as refusal:
            if refusal.status == 404:
                return False
            raise

    async def upload(self, file: Path, digest: str) -> None:
        """Copy a file into the daemon's store; it checks the bytes."""
        with file.open("rb") as data:
            async with self._ask("POST", f"/api/blobs/{digest}", data=data, timeout=_PATIENT):
                pass

    async def load(self, model: str, keep_alive: int | str = FOREVER, *, kind: Kind = "chat") -> None:
        """Into memory; returns when it is there."""
        await self._keep(model, keep_alive, kind)

    async def unload(self, model: str, *, kind: Kind = "chat") -> None:
        """Out of memory, once the answers under way are given."""
        await self._keep(model, 0, kind)

    async def delete(self, model: str) -> None:
        async with self._ask("DELETE", "/api/delete", {"model": model}):
            pass

    async def _keep(self, model: str, keep_alive: int | str, kind: Kind) -> None:
        """Without a prompt nothing is computed. A model is only asked for what it does, or Ollama refuses."""
        body: dict[str, Any] = {"model": model, "keep_alive": keep_alive}
        if kind == "chat":
            path, body["stream"] = "/api/generate", False
        else:
            path, body["input"] = "/api/embed", []
        async with self._ask("POST", path, body, timeout=_PATIENT) as answer:
            await answer.read()

    async def _get(self, path: str, kind: type[_Answer]) -> _Answer:
        async with self._ask("GET", path) as answer:
            return self._read(await answer.read(), kind)

    async def _stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[Status]:
        async with self._ask("POST", path, body, timeout=_PATIENT) as answer:
            async for line in answer.content:
                status = self._read(line, Status)
                if status.error:
                    # The answer had begun, so it could no longer be its status.
                    raise OllamaRefused(status.error, status=500)
                yield status

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        data: Any = None,
        timeout: aiohttp.ClientTimeout = _QUICK,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(
                method, f"{self.url}{path}", json=body, data=data, timeout=timeout
            ) as answer:
                if answer.status >= 400:
                    raise OllamaRefused(_words(await answer.text(), answer), status=answer.status)
                yield answer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._absent(error) from error

    def _read(self, text: bytes, kind: type[_Answer]) -> _Answer:
        try:
            return kind.model_validate_json(text)
        except ValidationError as error:
            raise OllamaAbsent(
                f"What listens at {self.url} is not Ollama.",
                hint="Set OLLAMA_HOST, or ollama_url in mlops.toml, to where it does.",
            ) from error

    def _absent(self, error: Exception) -> OllamaAbsent:
        why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
        return OllamaAbsent(
            f"No Ollama answers at {self.url}: {why}.",
            hint="Start it with `ollama serve`, or by opening the app on macOS and Windows. If it is not "
            "installed: https://ollama.com/download. OLLAMA_HOST says where it is looked for.",
        )


def _words(text: str, answer: aiohttp.ClientResponse) -> str:
    try:
        return str(json.loads(text)["error"]).strip()
    except (ValueError, KeyError, TypeError):
        return text.strip() or f"{answer.status} {answer.reason}"
