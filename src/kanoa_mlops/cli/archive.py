"""Where the person's collections of documents are, as they set it, and which one is meant."""

from __future__ import annotations

from kanoa_mlops.errors import MissingExtra, UnknownCollection
from kanoa_mlops.grounding.archive import Archive, Collection
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
        raise MissingExtra(
            f"Collections in Postgres need psycopg: {error}.", hint="pip install 'kanoa-mlops[postgres]'"
        ) from error
    url = settings.collections_url.get_secret_value()
    archive: Archive = SharedArchive(url, settings.collections_password_file)
    return archive


def own_collection(archive: Archive, name: str) -> Collection:
    """By name or id, the owner's before those of keys.

    Raises:
        UnknownCollection: there is none; names those there are.
    """
    every = archive.collections()
    named = [each for each in every if name in (each.name, each.id)]
    if named:
        return min(named, key=lambda each: bool(each.owner))
    there = ", ".join(each.name for each in every) or "none yet"
    raise UnknownCollection(
        f"There is no collection {name!r}. There are: {there}.",
        hint=f"kanoa-mlops ground add {name} FOLDER",
    )
