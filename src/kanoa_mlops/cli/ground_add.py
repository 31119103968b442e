"""A folder taken in, as a person sees it: bars while it is read, embedded, and its figures are described."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kanoa_mlops.cli.captions import Captions
from kanoa_mlops.cli.embedder import how_to_embed, served_embedder
from kanoa_mlops.cli.library import key_ids
from kanoa_mlops.cli.page_reader import page_reader
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.errors import OtherSpace, RetrieverFailed, UserError
from kanoa_mlops.grounding.archive import Archive, Collection, Stats
from kanoa_mlops.grounding.ingest.figures import describe_figures
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.grounding.library.ids import new_id
from kanoa_mlops.settings import Settings

_PROCESSES = 2


@dataclass(frozen=True)
class Wanted:
    """Of a collection. None and empty leave as it is what is there already."""

    name: str
    folder: Path | None
    readers: tuple[str, ...] = ()
    """Names of keys."""
    shareable: bool | None = None
    captions: bool = False


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
    collection = _made(settings, archive, wanted)
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


def _made(settings: Settings, archive: Archive, wanted: Wanted) -> Collection:
    there = [each for each in archive.collections() if each.name == wanted.name and not each.owner]
    readers = key_ids(settings, wanted.readers)
    if not there:
        if wanted.folder is None:
            raise UserError(
                f"There is no collection {wanted.name!r} yet.",
                hint=f"kanoa-mlops ground add {wanted.name} FOLDER",
            )
        id, now = new_id("vs_")
        collection = Collection(
            id,
            wanted.name,
            readers=readers,
            folder=str(wanted.folder),
            shareable=bool(wanted.shareable),
            created_at=now,
            used_at=now,
        )
        archive.create(collection)
        return collection
    collection = there[0]
    if not collection.folder:
        raise UserError(
            f"{wanted.name} holds uploaded files and mirrors no folder.", hint="Choose another name."
        )
    if wanted.folder and str(wanted.folder) != collection.folder:
        raise UserError(
            f"{wanted.name} mirrors {collection.folder}, not {wanted.folder}.",
            hint=f"Choose another name, or `kanoa-mlops ground rm {wanted.name}` first.",
        )
    changed = replace(
        collection,
        readers=readers or collection.readers,
        shareable=collection.shareable if wanted.shareable is None else wanted.shareable,
    )
    if changed != collection:
        archive.change(changed)
    return changed


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
