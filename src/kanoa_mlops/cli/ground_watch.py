"""Folders of collections, followed until the person ends it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

from kanoa_mlops.cli.ground_add import embedded, file_reader
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import KanoaError, UserError
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.watch import watch
from kanoa_mlops.settings import Settings


def follow(
    screen: Screen, settings: Settings, archive: Archive, collections: Sequence[Collection], port: int | None
) -> None:
    """
    Raises:
        UserError: a collection mirrors no folder, or there is none to follow.
    """
    if not collections:
        raise UserError("No collection mirrors a folder.", hint="kanoa-mlops ground add NAME FOLDER")
    for each in collections:
        if not each.folder:
            raise UserError(f"{each.name} holds uploaded files and mirrors no folder.")
    stop = Event()
    with ExitStack() as stack:
        reader = stack.enter_context(file_reader())
        threads = [
            Thread(target=_follow, args=(screen, settings, archive, each, port, reader, stop), daemon=True)
            for each in collections
        ]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.2)
        except KeyboardInterrupt:
            screen.say("Not followed any more; what is in stays.")
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _follow(
    screen: Screen,
    settings: Settings,
    archive: Archive,
    collection: Collection,
    port: int | None,
    reader: FileReader,
    stop: Event,
) -> None:
    folder = Path(collection.folder)
    screen.say(f"Following {folder} for {collection.name}; Ctrl-C ends it.")

    def look() -> MirrorReport:
        return mirror(archive, collection.id, folder, state=settings.grounding_dir, reader=reader, stop=stop)

    try:
        for report in watch(look, stop=stop):
            embedded(settings, archive, collection, port)
            _tell(screen, collection, report)
    except KanoaError as error:
        screen.say(f"{collection.name} is not followed any more: {error.message} {error.hint}")


def _tell(screen: Screen, collection: Collection, report: MirrorReport) -> None:
    at = time.strftime("%H:%M:%S")
    for word, sources in (("added", report.added), ("changed", report.changed), ("removed", report.removed)):
        for source in sources:
            screen.say(f"{at}  {collection.name}  {word} {source}")
    for skipped in report.skipped:
        screen.say(f"{at}  {collection.name}  left out {skipped.source}: {skipped.reason}")
