"""Where the person's collections of documents are, as they set it, and which one is meant."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kanoa_mlops.errors import MissingExtra, UnknownCollection
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.nearest import meant
from kanoa_mlops.settings import Settings


def open_archive(settings: Settings) -> Archive:
    """
    Raises:
        KanoaError: as of the archive.
        MissingExtra: it is a Postgres, and there is nothing here that speaks to one.
    """
    if settings.collections_url is None:
        from kanoa_mlops.grounding.local import LocalArchive

        settings.grounding_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalArchive(settings.collections_file)
    try:
        from kanoa_mlops.grounding.shared import SharedArchive
    except ImportError as error:
        raise _lacking(error) from error
    url = settings.collections_url.get_secret_value()
    archive: Archive = SharedArchive(url, settings.collections_password_file)
    return archive


def open_ledger(settings: Settings) -> Ledger:
    """Of attached files: where the collections are, so that who shares them knows what is on its way.

    Raises:
        KanoaError: as of the archive.
        MissingExtra: as for `open_archive`.
    """
    if settings.collections_url is None:
        return Ledger(settings.grounding_dir / "attached.db")
    try:
        from kanoa_mlops.grounding.shared.ledger_table import LedgerTable
    except ImportError as error:
        raise _lacking(error) from error
    url = settings.collections_url.get_secret_value()
    return Ledger(LedgerTable(url, settings.collections_password_file))


def own_collection(archive: Archive, name: str) -> Collection:
    """By name or id, the owner's before those of keys.

    Raises:
        UnknownCollection: there is none; names those there are, and what may have been meant.
    """
    every = archive.collections()
    named = [each for each in every if name in (each.name, each.id)]
    if named:
        return min(named, key=lambda each: bool(each.owner))
    raise no_collection(name, [each.name for each in every])


def no_collection(name: str, there: Sequence[str]) -> UnknownCollection:
    """In the terminal's words: a client of the gateway knows them as vector stores.

    Args:
        there: the names of those that could have been meant.
    """
    return UnknownCollection(
        f"There is no collection {name!r}. There are: {', '.join(there) or 'none yet'}.",
        hint=_meant(name, there),
    )


def _meant(name: str, there: Sequence[str]) -> str:
    making = f"`kanoa-mlops ground add {shlex.quote(name)} FOLDER` makes it."
    return meant(name, there) or making


def _lacking(error: ImportError) -> MissingExtra:
    return MissingExtra(
        f"Collections in Postgres need psycopg: {error}.", hint="pip install 'kanoa-mlops[postgres]'"
    )
