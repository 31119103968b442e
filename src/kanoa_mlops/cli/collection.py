"""A collection that mirrors a folder: as it is wanted, made, or given other terms."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kanoa_mlops.cli.library import key_ids
from kanoa_mlops.errors import NameTaken, UserError
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.connectors import GroundingFile
from kanoa_mlops.grounding.library.ids import new_id
from kanoa_mlops.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """Of a collection. None leaves it as it is, in one that is there already."""

    name: str
    folder: Path | None
    readers: tuple[str, ...] | None = None
    """Names of keys."""
    shareable: bool | None = None
    captions: bool = False


def declared(file: GroundingFile) -> Mapping[str, Wanted]:
    """What `grounding.yaml` wants, by name. Who may read is what it says, and no more."""
    return {
        # Where a link leads, as a folder is that is named to `ground add`.
        name: Wanted(name, Path(os.path.realpath(entry.absolute)), entry.readers, entry.shareable)
        for name, entry in file.folders.items()
    }


def made(settings: Settings, archive: Archive, wanted: Wanted) -> Collection:
    """As it is wanted, and there. Twice is once, also when two do it at the same time.

    Raises:
        UserError: it mirrors another folder, or none; or it is new and no folder is named.
        UnknownKey: there is no such reader.
        KanoaError: as of the archive.
    """
    readers = None if wanted.readers is None else key_ids(settings, wanted.readers)
    found = there(archive, wanted.name)
    if found is None:
        if wanted.folder is None:
            raise UserError(
                f"There is no collection {wanted.name!r} yet.",
                hint=f"`kanoa-mlops ground add {shlex.quote(wanted.name)} FOLDER` makes it.",
            )
        with suppress(NameTaken):  # another made it meanwhile
            return _new(archive, wanted, wanted.folder, readers or frozenset())
        found = there(archive, wanted.name)
        assert found is not None
    if problem := difference(found, wanted.folder):
        raise problem
    changed = replace(
        found,
        readers=found.readers if readers is None else readers,
        shareable=found.shareable if wanted.shareable is None else wanted.shareable,
    )
    if changed != found:
        archive.change(changed)
    return changed


def difference(collection: Collection, folder: Path | None) -> UserError | None:
    """Why it cannot mirror this folder."""
    name = collection.name
    if not collection.folder:
        return UserError(f"{name} holds uploaded files and mirrors no folder.", hint="Choose another name.")
    if folder and str(folder) != collection.folder:
        return UserError(
            f"{name} mirrors {collection.folder}, not {folder}.",
            hint=f"Choose another name, or `kanoa-mlops ground rm {name}` first.",
        )
    return None


def there(archive: Archive, name: str) -> Collection | None:
    """The owner's of this name."""
    return next((each for each in archive.collections() if each.name == name and not each.owner), None)


def _new(archive: Archive, wanted: Wanted, folder: Path, readers: frozenset[str]) -> Collection:
    id, now = new_id("vs_")
    collection = Collection(
        id,
        wanted.name,
        readers=readers,
        folder=str(folder),
        shareable=bool(wanted.shareable),
        created_at=now,
        used_at=now,
    )
    archive.create(collection)
    return collection
