"""A gateway with a library in real files, and two holders of keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from pydantic import BaseModel

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.server import Gateway, start_gateway
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.library import Bound, Library
from kanoa_mlops.grounding.library.file_reading import FileReading
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.library.reading import Reading
from kanoa_mlops.grounding.library.vectors import nobody
from kanoa_mlops.grounding.local import LocalArchive
from tests.gateway.test_reception import Office

NOTE = b"# Drift\n\nThe sensor drifts by 3 mV a month.\n"


@dataclass
class House:
    """Open; with a key for each who asks."""

    folder: Path
    library: Library
    gateway: Gateway
    session: aiohttp.ClientSession
    office: Office
    _keys: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/v1"

    def key(self, who: str) -> str:
        if who not in self._keys:
            self._keys[who] = self.office.key(who)
        return self._keys[who]

    def key_id(self, who: str) -> str:
        self.key(who)
        return next(each.id for each in self.office.store.all_keys() if each.name == who)

    def client(self, who: str = "ann") -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.url, api_key=self.key(who), max_retries=0)

    async def ask(
        self, method: str, path: str, who: str = "ann", **request: Any
    ) -> tuple[int, Mapping[str, Any]]:
        headers = {"authorization": f"Bearer {self.key(who)}"} | request.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **request) as response:
            return response.status, await response.json(content_type=None)

    async def upload(
        self, name: str = "drift.md", content: bytes = NOTE, who: str = "ann"
    ) -> openai.types.FileObject:
        async with self.client(who) as client:
            return await client.files.create(file=(name, content), purpose="assistants")

    async def put(
        self, store: str, name: str, content: bytes, who: str = "ann", **terms: Any
    ) -> openai.types.vector_stores.VectorStoreFile:
        """Uploaded, attached, and whatever became of it."""
        file = await self.upload(name, content, who)
        async with self.client(who) as client:
            await client.vector_stores.files.create(file_id=file.id, vector_store_id=store, **terms)
            return await self.taken_in(store, file.id, who)

    async def taken_in(
        self, store: str, file_id: str, who: str = "ann"
    ) -> openai.types.vector_stores.VectorStoreFile:
        async with self.client(who) as client:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                found = await client.vector_stores.files.retrieve(file_id, vector_store_id=store)
                if found.status != "in_progress":
                    return found
                await asyncio.sleep(0.05)
        raise AssertionError("it was not taken in")

    def on_disk(self, text: bytes) -> list[str]:
        """Files in which it can be read."""
        return [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and text in path.read_bytes()
        ]


OpenHouse = Callable[..., Any]


@pytest.fixture(scope="session")
def reader() -> Iterator[FileReader]:
    with FileReader() as opened:
        yield opened


@pytest.fixture
async def open_house(tmp_path: Path, reader: FileReader) -> AsyncIterator[OpenHouse]:
    async with AsyncExitStack() as stack:

        async def opened(
            *,
            reading: Reading | None = None,
            bound: Mapping[str, Bound] | None = None,
            embedder_of: Callable[..., Any] | None = None,
            takes_in: bool = True,
            **options: Any,
        ) -> House:
            books, folder = tmp_path / "books", tmp_path / "library"
            books.mkdir()
            folder.mkdir()
            office = Office(books)
            archive = LocalArchive(folder / "documents.db")
            library = Library(
                archive,
                bound=bound,
                ledger=Ledger(folder / "files.db"),
                reading=reading or FileReading(reader),
                spool=folder / "coming",
                embedder_of=embedder_of or nobody,
            )
            stack.callback(office.store.close)
            stack.callback(office.gateways.close)
            stack.callback(archive.close)
            if takes_in:
                library.start()
            stack.push_async_callback(asyncio.to_thread, library.close)
            app = make_app(
                Backends(),
                figures=None,
                version="1.2.3",
                documents=lambda: library,
                reception=Reception(office.books, key_required=True),
                **{"max_body_bytes": 10**7} | options,
            )
            gateway = await start_gateway(app, "127.0.0.1", 0)
            stack.push_async_callback(gateway.stop, 0)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return House(folder, library, gateway, session, office)

        yield opened


@pytest.fixture
async def house(open_house: OpenHouse) -> House:
    opened: House = await open_house()
    return opened


def checked(kind: type[BaseModel], given: Mapping[str, Any]) -> None:
    """An answer has every field that OpenAI's client says it has, as it says; more are no harm."""
    missing = [
        name
        for name, about in kind.model_fields.items()
        if about.is_required() and (about.alias or name) not in given
    ]
    assert not missing
    kind.model_validate(dict(given), strict=True)
