"""A folder in a collection: what comes, changes, goes and cannot be read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.grounding.ingest import samples
from tests.grounding.ingest.conftest import COLLECTION

SECOND_RUN = """
import sys
from pathlib import Path
from kanoa_mlops.grounding.ingest.mirror import mirror
from kanoa_mlops.grounding.local.archive import LocalArchive
place = Path(sys.argv[1])
report = mirror(LocalArchive(place / "archive.sqlite"), sys.argv[2], place / "docs", state=place / "state")
print(len(report.added))
"""


class Mirrored:
    """A folder and the collection that mirrors it."""

    def __init__(self, archive: LocalArchive, folder: Path, reader: FileReader) -> None:
        self.archive, self.folder, self.reader = archive, folder, reader

    def __call__(self, reader: FileReader | None = None) -> MirrorReport:
        state = self.folder.parent / "state"
        return mirror(self.archive, COLLECTION, self.folder, state=state, reader=reader or self.reader)

    def write(self, name: str, content: str | bytes = samples.WORDS) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    @property
    def sources(self) -> list[str]:
        return sorted(held.source for held in self.archive.held(COLLECTION))

    def found(self, words: str) -> list[str]:
        return [passage.source for passage in self.archive.search(COLLECTION, words, None)]


@pytest.fixture
def mirrored(archive: LocalArchive, folder: Path, reader: FileReader) -> Mirrored:
    return Mirrored(archive, folder, reader)


def test_comes_changes_and_goes(mirrored: Mirrored) -> None:
    mirrored.write("a.md", "# A\n\nzebra")
    mirrored.write("sub/b.txt", "giraffe")
    assert mirrored().added == ["a.md", "sub/b.txt"]
    assert mirrored().unchanged == ["a.md", "sub/b.txt"]
    mirrored.write("a.md", "# A\n\nelephant and more")
    (mirrored.folder / "sub/b.txt").rename(mirrored.folder / "c.txt")
    report = mirrored()
    assert (report.added, report.changed, report.removed) == (["c.txt"], ["a.md"], ["sub/b.txt"])
    assert (mirrored.found("zebra"), mirrored.found("elephant")) == ([], ["a.md"])
    assert mirrored.found("giraffe") == ["c.txt"]


def test_a_new_date_is_no_change(mirrored: Mirrored) -> None:
    path = mirrored.write("a.md")
    mirrored()
    [chunk] = mirrored.archive.chunks(COLLECTION, "a.md")
    os.utime(path, (1, 1))
    assert mirrored().unchanged == ["a.md"]
    [held] = mirrored.archive.held(COLLECTION)
    assert (held.modified, [chunk]) == (1.0, list(mirrored.archive.chunks(COLLECTION, "a.md")))


def test_an_unreadable_file_is_named_and_not_tried_again(mirrored: Mirrored) -> None:
    mirrored.write("empty.md", "")
    mirrored.write("locked.pdf", samples.pdf([["Secret"]], password="x"))
    mirrored.write("plot.png", b"\x89PNG\r\n\x1a\n\0\0")
    mirrored.write("good.md")
    expected = {
        "empty.md": "It is empty: 0 bytes.",
        "locked.pdf": "It is encrypted: a password is needed.",
        "plot.png": "It is a picture (PNG): no text is read from it.",
    }
    first = mirrored()
    assert ({each.source: each.reason for each in first.skipped}, first.added) == (expected, ["good.md"])

    closed = FileReader()
    closed.read = None  # type: ignore[method-assign, assignment]  # nothing is to be read
    again = mirrored(closed)
    assert {each.source: each.reason for each in again.skipped} == expected
    mirrored.write("empty.md", "no more")
    assert mirrored().added == ["empty.md"]


def test_what_became_unreadable_leaves(mirrored: Mirrored) -> None:
    mirrored.write("a.md", "zebra")
    mirrored()
    mirrored.write("a.md", b"\x89PNG\r\n\x1a\n\0\0")
    report = mirrored()
    assert (report.removed, mirrored.found("zebra")) == (["a.md"], [])


def test_what_cannot_be_opened_now_stays(mirrored: Mirrored, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when it is replaced by a link between the look and the reading."""
    path = mirrored.write("a.md", "zebra")
    mirrored()
    path.write_text("other words")
    target = mirrored.folder.parent / "elsewhere"
    read = mirrored.reader.read

    def late(*args: object, **named: object) -> object:
        path.rename(target)
        path.symlink_to(target)
        return read(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(mirrored.reader, "read", late)
    report = mirrored()
    assert [each.source for each in report.skipped] == ["a.md"]
    assert mirrored.found("zebra") == ["a.md"]


def test_a_folder_that_is_gone_empties_nothing(mirrored: Mirrored) -> None:
    mirrored.write("a.md")
    mirrored()
    mirrored.folder.rename(mirrored.folder.parent / "away")
    with pytest.raises(UserError, match="cannot be read: No such file"):
        mirrored()
    assert mirrored.sources == ["a.md"]


def test_another_way_to_cut_reads_again(mirrored: Mirrored) -> None:
    mirrored.write("a.md", " ".join([samples.WORDS] * 30))
    mirrored()
    before = len(mirrored.archive.chunks(COLLECTION, "a.md"))
    with FileReader(Chunking(50)) as finer:
        assert mirrored(finer).changed == ["a.md"]
    assert len(mirrored.archive.chunks(COLLECTION, "a.md")) > 2 * before


def test_notes_are_said_each_time(mirrored: Mirrored) -> None:
    mirrored.write("a.txt", "Größe und Maß".encode("cp1252"))
    assert mirrored().notes == mirrored().notes == {"a.txt": "read as cp1252"}


def test_progress_counts_all(mirrored: Mirrored) -> None:
    for number in range(5):
        mirrored.write(f"{number}.md")
    told: list[tuple[str, int, int]] = []
    state = mirrored.folder.parent / "state"
    mirror(
        mirrored.archive,
        COLLECTION,
        mirrored.folder,
        state=state,
        reader=mirrored.reader,
        progress=lambda *each: told.append(each),
    )
    assert told == [(f"{number}.md", number + 1, 5) for number in range(5)]


def test_two_at_once_wait_for_each_other(mirrored: Mirrored) -> None:
    for number in range(40):
        mirrored.write(f"{number}.md", f"{samples.WORDS} {number}")
    reports: list[MirrorReport] = []
    threads = [threading.Thread(target=lambda: reports.append(mirrored())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.added) for report in reports) == [0, 40]
    assert sorted(len(report.unchanged) for report in reports) == [0, 40]


def test_killed_in_the_middle_nothing_is_half_there_and_the_next_run_goes_on(mirrored: Mirrored) -> None:
    text = "\n\n".join([samples.WORDS] * 40)
    for number in range(300):
        mirrored.write(f"{number:03}.md", f"# Number {number}\n\n{text}\n\nThe end.")
    place = mirrored.folder.parent
    command = [sys.executable, "-c", SECOND_RUN, str(place), COLLECTION]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while len(mirrored.sources) < 10 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    there = mirrored.sources
    assert 10 <= len(there) < 300
    for source in there:
        chunks = mirrored.archive.chunks(COLLECTION, source)
        assert len(chunks) > 1 and chunks[-1].text.endswith("The end.")
    report = mirrored()
    assert (len(report.unchanged), len(report.added)) == (len(there), 300 - len(there))


def test_ten_thousand_files(mirrored: Mirrored) -> None:
    for number in range(10_000):
        path = mirrored.folder / str(number % 100) / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"Item {number} is unique{number}.")
    assert len(mirrored().added) == 10_000
    assert mirrored.found("unique4711") == ["11/4711.txt"]
    for number in range(0, 10_000, 100):
        (mirrored.folder / str(number % 100) / f"{number}.txt").unlink()
    report = mirrored()
    assert (len(report.unchanged), len(report.removed)) == (9_900, 100)
