"""The person's documents at the gateway: kept, searched and taken in while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING

from kanoa_mlops import __version__
from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.cli.library import bound_stores, grounding_file
from kanoa_mlops.cli.page_reader import page_reader
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.embedding import Engines
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.file_reading import FileReading
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.settings import Settings

if TYPE_CHECKING:
    from kanoa_mlops.cli.following import Following
    from kanoa_mlops.grounding.connectors import GroundingFile

_log = logging.getLogger(__name__)


@asynccontextmanager
async def served_library(
    settings: Settings, backends: Backends, loader: Loader | None
) -> AsyncIterator[Library | None]:
    """None where what is kept cannot be used; the log says why, and models answer all the same.

    Files that were attached when the last gateway ended are gone on with.

    Raises:
        SettingsError: grounding.yaml is wrong; names file, line and field.
    """
    file = grounding_file(settings)
    bound = bound_stores(settings, file)
    with ExitStack() as stack:
        client = stack.enter_context(closing(Client(f"kanoa-mlops/{__version__}")))
        engines = Engines(
            asyncio.get_running_loop(),
            client,
            backends,
            loader,
            usual=settings.embedding_model,
        )
        try:
            archive = stack.enter_context(closing(open_archive(settings)))
            library = Library(
                archive,
                bound=bound,
                embedder_of=engines.embedder_of,
                ledger=stack.enter_context(closing(Ledger(settings.grounding_dir / "attached.db"))),
                reading=FileReading(stack.enter_context(FileReader(page_reader=page_reader()))),
                spool=settings.grounding_dir,
            )
        except KanoaError as error:
            _log.error("No documents are served: %s %s", error.message, error.hint)
            yield None
            return
        library.start()
        following = _following(settings, file, library)
        try:
            yield library
        finally:
            # In a thread: what is being embedded just now waits for this loop.
            if following:
                await asyncio.to_thread(following.close)
            await asyncio.to_thread(library.close)


def _following(settings: Settings, file: GroundingFile, library: Library) -> Following | None:
    """None where no folder is declared."""
    if not file.folders:
        return None
    from kanoa_mlops.cli.collection import declared
    from kanoa_mlops.cli.following import Following
    from kanoa_mlops.cli.look import Order

    orders = [Order(each, file.folders[name].watch) for name, each in declared(file).items()]
    following = Following(settings, library.archive, orders, library.embedder_of)
    following.start()
    return following
