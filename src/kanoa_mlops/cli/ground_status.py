"""What of a collection is behind its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.cli.collection import Wanted, difference
from kanoa_mlops.cli.followed import Followed, read_followed
from kanoa_mlops.cli.ground_add import file_reader
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.ingest.unread import Unread
from kanoa_mlops.grounding.ingest.walk import Walk
from kanoa_mlops.settings import Settings


@dataclass(frozen=True)
class Changes:
    """Since it was last added. No file is read for it: sizes and dates are compared."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    unreadable: int = 0
    """Left out then, and the same since."""
    problem: str = ""
    """Why nothing is known of the folder."""

    @property
    def is_none(self) -> bool:
        return not (self.new or self.changed or self.gone or self.problem)


def changes(settings: Settings, archive: Archive, collection: Collection) -> Changes | None:
    """None where it mirrors no folder."""
    if not collection.folder:
        return None
    held = {each.source: each for each in archive.held(collection.id)}
    try:
        files = {each.source: each for each in Walk().files(Path(collection.folder))}
    except OSError as error:
        return Changes(problem=f"{collection.folder} cannot be read: {error.strerror}")
    with file_reader() as reader:
        unread = Unread.of(settings.grounding_dir, collection.id, reader.name)
    fresh = [files[source] for source in files.keys() - held.keys()]
    known = sum(unread.before(each) is not None for each in fresh)
    return Changes(
        new=len(fresh) - known,
        changed=sum(
            (files[each].bytes, files[each].modified) != (held[each].bytes, held[each].modified)
            for each in files.keys() & held.keys()
        ),
        gone=len(held.keys() - files.keys()),
        unreadable=known,
    )


def following(settings: Settings, wanted: Mapping[str, Wanted], collection: Collection) -> Followed | None:
    """None where no gateway has to do with it: it is not declared, or none runs."""
    is_declared = not collection.owner and collection.name in wanted
    return read_followed(settings, collection.name) if is_declared else None


def conflict(settings: Settings, wanted: Mapping[str, Wanted], collection: Collection) -> str:
    """Why it is not what `grounding.yaml` declares under its name; empty where it is, or is not declared."""
    if collection.owner or collection.name not in wanted:
        return ""
    problem = difference(collection, wanted[collection.name].folder)
    return f"{settings.grounding_file} declares another: {problem.message} {problem.hint}" if problem else ""


def lack(settings: Settings, wanted: Wanted) -> str:
    """Why there is no collection yet that `grounding.yaml` declares."""
    followed = read_followed(settings, wanted.name)
    if followed and followed.problem:
        return followed.problem
    return f"{settings.grounding_file} declares it; `kanoa-mlops ground sync {wanted.name}` mirrors it."
