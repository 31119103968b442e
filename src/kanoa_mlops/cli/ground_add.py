"""A folder taken in, as a person sees it: bars while it is read, embedded, and its figures are described."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kanoa_mlops.cli.captions import Captions
from kanoa_mlops.cli.collection import Wanted, made
from kanoa_mlops.cli.embedder import how_to_embed, served_embedder
from kanoa_mlops.cli.page_reader import page_reader
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.errors import OtherSpace, RetrieverFailed
from kanoa_mlops.grounding.archive import Archive, Collection, Stats
from kanoa_mlops.grounding.ingest.figures import describe_figures
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.settings import Settings

_PROCESSES = 2


@dataclass(frozen=True)
class Taken:
    """What came of it."""

    collection: Collection
    report: MirrorReport
    stats: Stats
    captions: int
    """Figures described."""
    seconds: float
    advice: str = ""
    """Why it is not found by meaning, and what to do."""


def taken_in(screen: Screen, settings: Settings, archive: Archive, wanted: Wanted, port: int | None) -> Taken:
    """
    Raises:
        UserError: the collection mirrors another folder, or none; or the folder cannot be read.
        KanoaError: as of the archive.
    """
    began = time.monotonic()
    collection = made(settings, archive, wanted)
    folder, captions = Path(collection.folder), 0
    with file_reader() as reader, _bars(screen) as bars:
        read = bars.add_task("read", total=None)
        report = mirror(
            archive,
            collection.id,
            folder,
            state=settings.grounding_dir,
            reader=reader,
            progress=lambda source, done, total: bars.update(read, completed=done, total=total),
        )
        if wanted.captions:
            captions = _described(settings, archive, collection, reader, bars, port)
        advice = embedded(settings, archive, collection, port, bars)
    collection = next(each for each in archive.collections() if each.id == collection.id)
    stats = archive.stats(collection.id)
    return Taken(collection, report, stats, captions, time.monotonic() - began, advice)


def file_reader() -> FileReader:
    """As all commands read, so that none reads again what another has read."""
    return FileReader(processes=_PROCESSES, page_reader=page_reader())


def embedded(
    settings: Settings,
    archive: Archive,
    collection: Collection,
    port: int | None,
    bars: Progress | None = None,
) -> str:
    """Vectors for what has none. Returns why there are none, and what to do; '' where all is well."""
    stats = archive.stats(collection.id)
    if stats.chunks == stats.embedded:
        return ""
    try:
        embedder = served_embedder(settings, port, collection.space)
        if embedder is None:
            return how_to_embed(collection.space)
        task = bars.add_task("embed", total=stats.chunks) if bars else None

        def told(done: int, total: int) -> None:
            if bars and task is not None:
                bars.update(task, completed=done, total=total)

        embed_missing(archive, collection.id, embedder, told)
    except (RetrieverFailed, OtherSpace) as error:
        return f"{error.message} {error.hint}".strip()
    return ""


def _described(
    settings: Settings,
    archive: Archive,
    collection: Collection,
    reader: FileReader,
    bars: Progress,
    port: int | None,
) -> int:
    task = bars.add_task("describe", total=None)
    return describe_figures(
        archive,
        collection.id,
        Captions(front_door(settings, port)),
        reader=reader,
        progress=lambda source, page, pages: bars.update(task, completed=page, total=pages),
    )


@contextmanager
def _bars(screen: Screen) -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description:>8}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=screen.err,
        disable=not screen.err.is_terminal,
        transient=True,
    ) as bars:
        yield bars
