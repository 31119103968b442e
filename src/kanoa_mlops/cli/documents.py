"""The person's documents at the gateway: opened at once where there are some, else with the first request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from threading import Lock
from typing import TYPE_CHECKING

from kanoa_mlops import __version__
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.settings import Settings

if TYPE_CHECKING:
    from kanoa_mlops.gateway.documents import Opening
    from kanoa_mlops.grounding.library import Library


@asynccontextmanager
async def served_documents(
    settings: Settings, backends: Backends, loader: Loader | None
) -> AsyncIterator[Opening]:
    """What opens them; closed with this.

    Raises:
        SettingsError: grounding.yaml is wrong; names file, line and field.
    """
    with closing(Client(f"kanoa-mlops/{__version__}")) as client:
        documents = _Documents(settings, client, backends, loader)
        try:
            if _some_kept(settings):
                documents.open()
            yield documents.open
        finally:
            # In a thread: what is being embedded just now waits for this loop.
            await asyncio.to_thread(documents.close)


class _Documents:
    def __init__(self, settings: Settings, client: Client, backends: Backends, loader: Loader | None) -> None:
        self._settings, self._client, self._backends, self._loader = settings, client, backends, loader
        self._loop = asyncio.get_running_loop()
        self._lock, self._opened = Lock(), ExitStack()
        self._library: Library | None = None
        self._is_open = False

    def open(self) -> Library | None:
        """With the first call. None where what is kept cannot be used."""
        # Whoever keeps no documents starts faster and stays smaller without what searches them.
        from kanoa_mlops.cli.shelf import open_library

        with self._lock:
            if not self._is_open:
                opening = open_library(self._settings, self._loop, self._client, self._backends, self._loader)
                self._library = self._opened.enter_context(opening)
                self._is_open = True
            return self._library

    def close(self) -> None:
        with self._lock:
            self._opened.close()


def _some_kept(settings: Settings) -> bool:
    """Then files may wait to be taken in, folders to be followed, and what there is is counted."""
    files = (settings.grounding_file, settings.collections_file)
    return settings.collections_url is not None or any(file.exists() for file in files)
