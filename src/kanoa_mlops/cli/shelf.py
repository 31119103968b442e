"""The person's documents at the gateway: kept, searched and taken in while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from kanoa_mlops.cli.archive import open_archive, open_ledger
from kanoa_mlops.cli.late_reading import LateReading
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.embedding import Engines
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.grounding.library import Bound, Library
from kanoa_mlops.settings import Settings

if TYPE_CHECKING:
    from kanoa_mlops.cli.following import Following
    from kanoa_mlops.grounding.connectors import GroundingFile

_log = logging.getLogger(__name__)


@contextmanager
def open_library(
    settings: Settings,
    loop: asyncio.AbstractEventLoop,
    client: Client,
    backends: Backends,
    loader: Loader | None,
) -> Iterator[Library | None]:
    """None where what is kept cannot be used; the log says why, and models answer all the same.

    Files that were attached when the last gateway ended are gone on with, folders are followed. Closed in a
    thread, as what is being embedded just then waits for the loop; on which models are asked, by `client`.

    Raises:
        SettingsError: grounding.yaml is wrong; names file, line and field.
    """
    file, bound = _declared(settings)
    engines = Engines(loop, client, backends, loader, usual=settings.embedding_model)
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(closing(open_archive(settings)))
            library = Library(
                archive,
                bound=bound,
                embedder_of=engines.embedder_of,
                ledger=stack.enter_context(closing(open_ledger(settings))),
                reading=stack.enter_context(closing(LateReading())),
                spool=settings.grounding_dir,
            )
        except KanoaError as error:
            _log.error("No documents are served: %s %s", error.message, error.hint)
            yield None
            return
        stack.callback(library.close)
        library.start()
        if following := _following(settings, file, library):
            stack.enter_context(closing(following))
        yield library


def _declared(settings: Settings) -> tuple[GroundingFile | None, Mapping[str, Bound]]:
    """What grounding.yaml says, and its stores; None where there is no such file."""
    if not settings.grounding_file.exists():
        return None, {}
    # What knows every kind of store, for those who have one elsewhere.
    from kanoa_mlops.cli.library import bound_stores, grounding_file

    file = grounding_file(settings)
    return file, bound_stores(settings, file)


def _following(settings: Settings, file: GroundingFile | None, library: Library) -> Following | None:
    """None where no folder is declared."""
    if file is None or not file.folders:
        return None
    from kanoa_mlops.cli.collection import declared
    from kanoa_mlops.cli.following import Following
    from kanoa_mlops.cli.look import Order

    orders = [Order(each, file.folders[name].watch) for name, each in declared(file).items()]
    following = Following(settings, library.archive, orders, library.embedder_of)
    following.start()
    return following
