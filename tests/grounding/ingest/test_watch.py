"""A folder followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer

import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.watch import watch
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.grounding.ingest.conftest import COLLECTION


def test_reports_what_changes_and_nothing_twice(
    archive: LocalArchive, folder: Path, reader: FileReader
) -> None:
    looks = 0

    def look() -> MirrorReport:
        nonlocal looks
        looks += 1
        if looks == 4:
            (folder / "b.md").write_text("words")
        return mirror(archive, COLLECTION, folder, state=folder.parent / "state", reader=reader)

    (folder / "a.md").write_text("words")
    (folder / "empty.md").write_text("")
    reports = watch(look, seconds=0.01)
    first = next(reports)
    assert (first.added, len(first.skipped)) == (["a.md"], 1)
    assert (next(reports).added, looks) == (["b.md"], 4)


def test_ends_when_it_is_told() -> None:
    stop = Event()
    Timer(0.2, stop.set).start()
    assert len(list(watch(MirrorReport, seconds=0.01, stop=stop))) == 1


def test_a_folder_that_was_never_there_is_an_error_and_one_that_went_is_waited_for() -> None:
    looks: Iterator[MirrorReport | None] = iter([MirrorReport(), None, MirrorReport(added=["a.md"])])

    def look() -> MirrorReport:
        report = next(looks)
        if report is None:
            raise UserError("gone")
        return report

    reports = watch(look, seconds=0.01)
    assert (next(reports).added, next(reports).added) == ([], ["a.md"])

    def never() -> MirrorReport:
        raise UserError("not there")

    with pytest.raises(UserError):
        next(watch(never))
