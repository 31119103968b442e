"""What `ground` shows, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.cli.followed import Followed
from kanoa_mlops.cli.ground_add import Taken
from kanoa_mlops.cli.ground_status import Changes
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.grounding.archive import EVERYBODY, Collection, Held, Stats
from kanoa_mlops.grounding.connectors import Entry
from kanoa_mlops.grounding.evaluate import Evaluation
from kanoa_mlops.grounding.library import Found
from kanoa_mlops.grounding.types import Chunk, Passage
from kanoa_mlops.units import format_bytes, format_duration

_FEW_SKIPPED = 20
_SNIPPET = 400  # characters
_NONE_YET = "There is no collection yet. `kanoa-mlops ground add NAME FOLDER` makes one."


@dataclass(frozen=True)
class Standing:
    """Of one collection."""

    collection: Collection
    stats: Stats
    changes: Changes | None
    """None where it mirrors no folder."""
    served: bool
    """Its embedding model, or where it has no vectors, any."""
    followed: Followed | None = None
    """How a gateway fares that follows its folder."""
    conflict: str = ""
    """Why it is not what `grounding.yaml` declares."""


def show_taken(screen: Screen, taken: Taken) -> None:
    report, stats = taken.report, taken.stats
    counts: dict[str, Sequence[object]] = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "left out": report.skipped,
    }
    told = ", ".join(f"{len(each)} {word}" for word, each in counts.items() if each) or "nothing to read"
    screen.print(f"{taken.collection.name}: {told}.")
    screen.print(
        f"It holds {_documents(stats)} in {_passages(stats.chunks)}, {format_bytes(stats.text_bytes)} "
        f"of text; {found_by(stats)}. {format_duration(taken.seconds)}."
    )
    if taken.captions:
        describe = "describes a figure" if taken.captions == 1 else "describe figures"
        screen.print(f"{_passages(taken.captions)} {describe}.")
    for skipped in report.skipped[:_FEW_SKIPPED]:
        screen.say(f"  left out {skipped.source}: {skipped.reason} {skipped.hint}".rstrip())
    if len(report.skipped) > _FEW_SKIPPED:
        screen.say(f"  and {len(report.skipped) - _FEW_SKIPPED} more; --json names all.")
    for source, note in list(report.notes.items())[:_FEW_SKIPPED]:
        screen.say(f"  of {source}: {note}")
    if taken.advice:
        screen.say(taken.advice)


def taken_document(taken: Taken) -> dict[str, Any]:
    return {
        "id": taken.collection.id,
        "name": taken.collection.name,
        "folder": taken.collection.folder,
        **asdict(taken.report),
        "described_figures": taken.captions,
        "stats": asdict(taken.stats),
        "seconds": round(taken.seconds, 3),
        "advice": taken.advice,
    }


def _documents(stats: Stats) -> str:
    return "1 document" if stats.documents == 1 else f"{stats.documents} documents"


def _passages(count: int) -> str:
    return "1 passage" if count == 1 else f"{count} passages"


def found_by(stats: Stats) -> str:
    if not stats.embedded:
        return "found by words"
    if stats.embedded < stats.chunks:
        return f"found by words, {stats.embedded} of the passages by meaning too"
    return "found by words and by meaning"


def show_found(screen: Screen, found: Found, paths: Mapping[tuple[str, str], str]) -> None:
    """`paths` are of files, by the store's name and the source."""
    for rank, each in enumerate(found.passages, 1):
        score = "" if each.score is None else f"  {each.score:.2f}"
        place = f"{each.store}: {each.title or each.source}"
        screen.print(f"{rank}. {place}{place_in(each)}{score}")
        if path := paths.get((each.store, each.source)):
            screen.print(f"   {opened_at(path, each.page)}")
        text = textwrap.shorten(" ".join(each.text.split()), _SNIPPET, placeholder=" …")
        screen.print(textwrap.indent(textwrap.fill(text, 76), "   "))
    if not found.passages and not found.failures:
        screen.say("Nothing was found.")
    for name, warning in found.warnings.items():
        screen.say(f"{name}: {warning}")
    for name, failure in found.failures.items():
        screen.say(f"{name} failed: {failure.message} {failure.hint}".rstrip())


def place_in(passage: Passage | Chunk) -> str:
    page = f", page {passage.page}" if passage.page else ""
    return page + (f", {passage.heading}" if passage.heading else "")


def opened_at(path: str, page: int | None) -> str:
    """An address that a browser, and most viewers of PDF, open at the page."""
    return Path(path).as_uri() + (f"#page={page}" if page else "")


def found_document(found: Found) -> dict[str, Any]:
    return {
        "passages": [asdict(each) for each in found.passages],
        "stores": list(found.stores),
        "shareable": found.shareable,
        "failures": {name: each.message for name, each in found.failures.items()},
        "warnings": dict(found.warnings),
    }


def show_list(screen: Screen, rows: Sequence[tuple[Collection, Stats]], stores: Mapping[str, Entry]) -> None:
    if not rows and not stores:
        screen.say(_NONE_YET)
        return
    table = [
        [
            each.name,
            str(stats.documents),
            str(stats.chunks),
            _share(stats),
            each.folder or "uploaded",
            _open_to(each.owner, each.readers, each.shareable),
        ]
        for each, stats in rows
    ]
    table += [
        [name, "", "", "", entry.provider, _open_to("", frozenset(entry.readers), entry.shareable)]
        for name, entry in stores.items()
    ]
    columns = ["NAME", "DOCUMENTS", "PASSAGES", "BY MEANING", "FROM", "OPEN TO"]
    screen.table(columns, table, right=["DOCUMENTS", "PASSAGES", "BY MEANING"], yielding="FROM")


def _share(stats: Stats) -> str:
    return f"{100 * stats.embedded // stats.chunks} %" if stats.chunks else ""


def _open_to(owner: str, readers: frozenset[str], shareable: bool) -> str:
    who = [f"key {owner}" if owner else "you"]
    who += ["all"] if EVERYBODY in readers else [f"key {each}" for each in sorted(readers)]
    return ", ".join(who) + ("; may leave" if shareable else "")


def list_document(rows: Sequence[tuple[Collection, Stats]], stores: Mapping[str, Entry]) -> dict[str, Any]:
    return {
        "collections": [_collection(each) | {"stats": asdict(stats)} for each, stats in rows],
        "stores": [
            {
                "name": name,
                "provider": entry.provider,
                "readers": list(entry.readers),
                "shareable": entry.shareable,
            }
            for name, entry in stores.items()
        ],
    }


def _collection(collection: Collection) -> dict[str, Any]:
    return asdict(collection) | {"readers": sorted(collection.readers)}


def show_held(screen: Screen, collection: Collection, held: Sequence[Held]) -> None:
    if not held:
        screen.say(f"{collection.name} is empty.")
        return
    rows = [
        [each.source, each.title, str(each.chunks), str(each.embedded), format_bytes(each.bytes)]
        for each in held
    ]
    columns = ["SOURCE", "TITLE", "PASSAGES", "BY MEANING", "SIZE"]
    screen.table(columns, rows, right=["PASSAGES", "BY MEANING", "SIZE"], yielding="TITLE")


def held_document(held: Sequence[Held]) -> list[dict[str, Any]]:
    return [asdict(each) | {"attributes": dict(each.attributes)} for each in held]


def show_chunks(screen: Screen, chunks: Sequence[Chunk]) -> None:
    for each in chunks:
        screen.print(f"[{each.id}] {each.kind}{place_in(each)}")
        screen.print(textwrap.indent(each.text, "  "))


def chunks_document(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    return [asdict(each) for each in chunks]


def show_standing(screen: Screen, found: Sequence[Standing], lacking: Mapping[str, str]) -> None:
    """`lacking`: why there are none yet of these names."""
    if not found and not lacking:
        screen.say(_NONE_YET)
    for each in found:
        name, stats = each.collection.name, each.stats
        screen.print(f"{name}: {_documents(stats)}, {_passages(stats.chunks)}, {found_by(stats)}.")
        for line in _standing_lines(each):
            screen.note(line)
    for name, why in lacking.items():
        screen.print(f"{name}: nothing is there yet.")
        screen.note(why)


def _standing_lines(each: Standing) -> list[str]:
    lines = []
    collection, stats, changes = each.collection, each.stats, each.changes
    if changes and changes.problem:
        lines.append(f"{changes.problem}.")
    elif changes and not changes.is_none:
        counts = {"new": changes.new, "changed": changes.changed, "gone": changes.gone}
        told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        lines.append(f"Behind {collection.folder}: {told}. `kanoa-mlops ground add {collection.name}`")
    elif changes:
        lines.append(f"As {collection.folder} is.")
    if changes and changes.unreadable:
        lines.append(f"{changes.unreadable} of its files could not be read; `ground add` says why.")
    if collection.space and not each.served:
        lines.append(
            f"Its vectors are of {collection.space.model}, which is not served: found by words alone now."
        )
    elif stats.embedded < stats.chunks and each.served:
        lines.append(f"`kanoa-mlops ground add {collection.name}` makes it found by meaning too.")
    if each.conflict:
        return [*lines, each.conflict]
    return lines + (_followed_lines(each.followed) if each.followed else [])


def _followed_lines(followed: Followed) -> list[str]:
    lines = [followed.problem] if followed.problem else []
    if followed.embedding:
        lines.append(f"What is new is found by words alone: {followed.embedding}")
    if followed.watched and not lines:
        lines.append(f"A gateway follows its folder (process {followed.gateway.pid}).")
    return lines


def standing_document(each: Standing) -> dict[str, Any]:
    return {
        **_collection(each.collection),
        "stats": asdict(each.stats),
        "changes": asdict(each.changes) if each.changes else None,
        "embedding_model_served": each.served,
        "conflict": each.conflict,
        "followed": asdict(each.followed) if each.followed else None,
    }


def show_evaluation(screen: Screen, evaluations: Sequence[Evaluation], k: int, *, made: bool) -> None:
    rows = [
        [
            each.way,
            str(each.quality.questions),
            f"{each.quality.recall:.2f}",
            f"{each.quality.mrr:.2f}",
            f"{each.quality.ndcg:.2f}",
        ]
        for each in evaluations
    ]
    columns = ["FOUND BY", "QUESTIONS", f"RECALL@{k}", f"MRR@{k}", f"NDCG@{k}"]
    screen.table(columns, rows, right=columns[1:])
    last = evaluations[-1]
    for missed in last.missed[:_FEW_SKIPPED]:
        source, page = missed.items[0]
        where = f"{source}, page {page}" if page else source
        screen.say(f"  not found by {last.way}: {missed.text!r}, which is in {where}")
    if made:
        screen.say(
            "Asked were its own headings and captions, whose words are in it: real questions fare worse."
        )


def evaluation_document(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    return [
        {"way": each.way, **asdict(each.quality), "missed": [one.text for one in each.missed]}
        for each in evaluations
    ]
