"""`kanoa-mlops ground`: the person's own documents, for answers to stand on."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from kanoa_mlops.cli import ground_report as report
from kanoa_mlops.cli import options
from kanoa_mlops.cli.archive import open_archive, open_ledger, own_collection
from kanoa_mlops.cli.collection import Wanted, declared, there
from kanoa_mlops.cli.embedder import served_embedder
from kanoa_mlops.cli.ground_add import taken_in
from kanoa_mlops.cli.ground_search import opened_library, paths_of, require_each
from kanoa_mlops.cli.ground_status import changes, conflict, following, lack
from kanoa_mlops.cli.ground_sync import synced
from kanoa_mlops.cli.ground_watch import follow
from kanoa_mlops.cli.group import Group
from kanoa_mlops.cli.library import grounding_file
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import BadFilter, UserError
from kanoa_mlops.grounding.archive import OWNER
from kanoa_mlops.grounding.evaluate import evaluate
from kanoa_mlops.grounding.filters import Filter, parse_filter
from kanoa_mlops.grounding.questions import made_questions, read_questions
from kanoa_mlops.grounding.types import Ranking
from kanoa_mlops.settings import load_settings

_folder = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Group)
def command() -> None:
    """Your own documents, for answers to stand on.

    They stay on this machine, and are found by words; by meaning too while an
    embedding model is served. Gateways that run see a change at once.
    """


@command.command("add")
@click.argument("name")
@click.argument("folder", type=_folder, required=False)
@click.option("--reader", "readers", metavar="KEY", multiple=True, help="This key may search it: '*' is all.")
@click.option("--shareable/--private", default=None, help="Whether passages may leave with a burst.")
@click.option("--captions", is_flag=True, help="Have figures of PDFs described by the served vision model.")
@options.port
@options.as_json
def add(
    name: str,
    folder: Path | None,
    readers: tuple[str, ...],
    shareable: bool | None,
    captions: bool,
    port: int | None,
    as_json: bool,
) -> None:
    """Mirror FOLDER in the collection NAME; again, what changed in it.

    Markdown, text, notebooks, source code, tables, HTML, Office documents and
    PDFs are read. What cannot be read is named and left out.
    """
    screen, settings = Screen(), load_settings()
    wanted = Wanted(name, folder, readers or None, shareable, captions)
    with closing(open_archive(settings)) as archive:
        taken = taken_in(screen, settings, archive, wanted, port)
        if as_json:
            screen.json(report.taken_document(taken))
        else:
            report.show_taken(screen, taken)


@command.command("sync")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@options.port
@options.as_json
def sync(names: tuple[str, ...], port: int | None, as_json: bool) -> None:
    """Mirror the folders that grounding.yaml declares, or those of them that are named.

    Who may search them is then what the file says. A gateway does the same as it
    begins, and goes on with those that say `watch: true`.
    """
    screen, settings = Screen(), load_settings()
    taken, failures = synced(screen, settings, names, port)
    if as_json:
        screen.json([report.taken_document(each) for each in taken])
    else:
        for each in taken:
            report.show_taken(screen, each)
    for failure in failures[1:]:
        screen.say(f"{failure.message} {failure.hint}".rstrip())
    if failures:
        raise failures[0]


@command.command("search")
@click.argument("names", metavar="NAME[,NAME…]")
@click.argument("query")
@click.option("-k", "most", type=click.IntRange(1, 50), default=5, show_default=True, help="Passages.")
@click.option("--filter", "filters", metavar="JSON", help="OpenAI's, on the documents' attributes.")
@click.option(
    "--text-weight", type=click.FloatRange(0, 1), help="Of words against meaning.  [default: by the query]"
)
@options.port
@options.as_json
def search(
    names: str,
    query: str,
    most: int,
    filters: str | None,
    text_weight: float | None,
    port: int | None,
    as_json: bool,
) -> None:
    """The passages that answer QUERY best."""
    screen, settings = Screen(), load_settings()
    ranking = Ranking() if text_weight is None else Ranking(text_weight, 1 - text_weight)
    with opened_library(settings, port) as library:
        require_each(library, names.split(","))
        found = library.search(
            OWNER, names.split(","), query, k=most, filters=_parsed(filters), ranking=ranking
        )
        if as_json:
            screen.json(report.found_document(found))
        else:
            report.show_found(screen, found, paths_of(library, found))
    if found.failures and not found.passages:
        raise next(iter(found.failures.values()))


@command.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """The collections there are, and the stores of grounding.yaml."""
    screen, settings = Screen(), load_settings()
    stores = grounding_file(settings).stores
    with closing(open_archive(settings)) as archive:
        rows = [(each, archive.stats(each.id)) for each in archive.collections()]
    if as_json:
        screen.json(report.list_document(rows, stores))
    else:
        report.show_list(screen, rows, stores)


@command.command("show")
@click.argument("name")
@click.argument("source", required=False)
@options.as_json
def show(name: str, source: str | None, as_json: bool) -> None:
    """The documents of a collection; or of one document, what is found of it."""
    screen = Screen()
    with closing(open_archive(load_settings())) as archive:
        collection = own_collection(archive, name)
        held = archive.held(collection.id)
        if source is None:
            if as_json:
                screen.json(report.held_document(held))
            else:
                report.show_held(screen, collection, held)
            return
        chunks = archive.chunks(collection.id, source)
    if not chunks:
        raise UserError(f"{name} holds no {source!r}.", hint=f"`kanoa-mlops ground show {name}` lists all.")
    if as_json:
        screen.json(report.chunks_document(chunks))
    else:
        report.show_chunks(screen, chunks)


@command.command("status")
@click.argument("name", required=False)
@options.port
@options.as_json
def status(name: str | None, port: int | None, as_json: bool) -> None:
    """What of a collection is behind its folder, and whether it is found by meaning."""
    screen, settings = Screen(), load_settings()
    with closing(open_archive(settings)) as archive:
        wanted = declared(grounding_file(settings))
        missing = [
            each for each in wanted.values() if name in (None, each.name) and not there(archive, each.name)
        ]
        named = archive.collections() if not name else [] if missing else [own_collection(archive, name)]
        found = [
            report.Standing(
                each,
                archive.stats(each.id),
                changes(settings, archive, each),
                served_embedder(settings, port, each.space) is not None,
                following(settings, wanted, each),
                conflict(settings, wanted, each),
            )
            for each in named
        ]
        lacking = {each.name: lack(settings, each) for each in missing}
    if as_json:
        screen.json(
            [report.standing_document(each) for each in found]
            + [{"id": None, "name": each, "problem": why} for each, why in lacking.items()]
        )
    else:
        report.show_standing(screen, found, lacking)


@command.command("rm")
@click.argument("name")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
def rm(name: str, sources: tuple[str, ...]) -> None:
    """Remove a collection, or documents of it: text, index and vectors.

    The files of the folder stay where they are.
    """
    screen, settings = Screen(), load_settings()
    with closing(open_archive(settings)) as archive, closing(open_ledger(settings)) as ledger:
        collection = own_collection(archive, name)
        if not sources:
            held = len(archive.held(collection.id))
            ledger.forget(collection.id)
            archive.remove(collection.id)
            screen.say(f"Removed {name}, {held} documents. Nothing of it is left in the collections' file.")
            return
        for source in sources:
            ledger.forget(collection.id, source)
        gone = archive.drop(collection.id, sources)
    screen.say(f"Removed {gone} of {len(sources)} from {name}.")
    if gone and collection.folder:
        screen.say(f"What is still in {collection.folder} comes back with the next `ground add {name}`.")
    if gone < len(sources):
        raise UserError(
            f"{len(sources) - gone} were not there.", hint=f"`kanoa-mlops ground show {name}` lists all."
        )


@command.command("eval")
@click.argument("name")
@click.option("--questions", type=_file, help="Lines of JSON: question, source and page.")
@click.option("-k", "most", type=click.IntRange(1, 50), default=10, show_default=True, help="Passages.")
@options.port
@options.as_json
def eval_(name: str, questions: Path | None, most: int, port: int | None, as_json: bool) -> None:
    """How well a collection is searched: by words, by meaning, by both.

    Without --questions its own headings and captions are asked for.
    """
    screen, settings = Screen(), load_settings()
    with closing(open_archive(settings)) as archive:
        collection = own_collection(archive, name)
        asked = read_questions(questions) if questions else made_questions(archive, collection.id)
        if not asked:
            raise UserError(
                f"{name} has no headings or captions to ask for.",
                hint='Give --questions FILE: lines of {"question": "…", "source": "…"}',
            )
        embedder = served_embedder(settings, port, collection.space) if collection.space else None
        evaluations = evaluate(archive, collection.id, asked, embedder, k=most)
    if as_json:
        screen.json(report.evaluation_document(evaluations))
    else:
        report.show_evaluation(screen, evaluations, most, made=questions is None)


@command.command("watch")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@options.port
def watch(names: tuple[str, ...], port: int | None) -> None:
    """Follow the folders of collections, until Ctrl-C."""
    screen, settings = Screen(), load_settings()
    with closing(open_archive(settings)) as archive:
        named = [own_collection(archive, name) for name in names] or [
            each for each in archive.collections() if each.folder
        ]
        follow(screen, settings, archive, named, port)


def _parsed(text: str | None) -> Filter | None:
    """
    Raises:
        BadFilter: it is no filter.
    """
    if text is None:
        return None
    try:
        return parse_filter(json.loads(text))
    except ValueError as error:
        raise BadFilter(
            f"--filter is not JSON: {error}.", hint='As in \'{"type": "eq", "key": "year", "value": 2026}\''
        ) from error
