"""The folders of `grounding.yaml`, mirrored now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.cli.collection import Wanted, declared
from kanoa_mlops.cli.ground_add import Taken, taken_in
from kanoa_mlops.cli.library import grounding_file
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import KanoaError, UnknownCollection, UserError
from kanoa_mlops.settings import Settings


def synced(
    screen: Screen, settings: Settings, names: Sequence[str], port: int | None
) -> tuple[Sequence[Taken], Sequence[KanoaError]]:
    """What came of each, and why others were not mirrored.

    Args:
        names: of those to mirror; none are all.

    Raises:
        UserError: no folder is declared.
        UnknownCollection: none of this name is.
        KanoaError: as of `grounding.yaml` and the archive.
    """
    taken: list[Taken] = []
    failures: list[KanoaError] = []
    with closing(open_archive(settings)) as archive:
        for each in _wanted(settings, names):
            try:
                taken.append(taken_in(screen, settings, archive, each, port))
            except KanoaError as error:
                failures.append(error)
    return taken, failures


def _wanted(settings: Settings, names: Sequence[str]) -> Sequence[Wanted]:
    every = declared(grounding_file(settings))
    if not every:
        raise UserError(
            f"{settings.grounding_file} declares no folder.",
            hint="As in `stores: {papers: {provider: local, path: ~/papers}}`; "
            "or `kanoa-mlops ground add papers ~/papers`.",
        )
    for name in names:
        if name not in every:
            raise UnknownCollection(
                f"{settings.grounding_file} declares no folder {name!r}. It has: {', '.join(every)}.",
                hint=f"kanoa-mlops ground add {name} FOLDER",
            )
    return [every[name] for name in names or every]
