"""Several threads and processes at once, and one that is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kanoa_mlops.errors import ArchiveBusy
from kanoa_mlops.grounding.local import LocalArchive
from tests.grounding.local.making import PAPERS, SPACE, document, embed, unit

WRITER = (
    "import sys; from pathlib import Path\n"
    "from kanoa_mlops.grounding.local import LocalArchive\n"
    "from tests.grounding.local.making import PAPERS, document\n"
    "archive = LocalArchive(Path(sys.argv[1]), patience=60)\n"
    "at = 0\n"
    "while True:\n"
    "    at += 1\n"
    "    archive.put(PAPERS, document(sys.argv[2], *[f'{sys.argv[2]} version{at}'] * 50))\n"
    "    print(at, flush=True)\n"
)


@contextmanager
def writer(path: Path, source: str) -> Iterator[None]:
    """One that has written some, and is killed at last."""
    argv = [sys.executable, "-c", WRITER, str(path), source]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline(), "it works"
            yield
        finally:
            process.kill()


def test_a_document_is_seen_whole_or_not_at_all_while_writers_are_killed(
    archive: LocalArchive, path: Path
) -> None:
    for round in range(4):
        with writer(path, "first"), writer(path, "second"):
            for source in ("first", "second") * 20:
                texts = [passage.text for passage in archive.search(PAPERS, source, None, k=60)]
                assert len(texts) == 50, "all of one version"
                assert len(set(texts)) == 1, "and of no other"
        again = LocalArchive(path)
        assert [(held.source, held.chunks) for held in again.held(PAPERS)] == [("first", 50), ("second", 50)]
        assert again.search(PAPERS, "first", None, k=60) == archive.search(PAPERS, "first", None, k=60), round
        again.close()


def test_threads_search_while_others_write(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("kept", *["kept words"] * 20))
    embed(archive, [f"kept#{at}" for at in range(20)], [[1, at, 0, 0] for at in range(20)])
    failures: list[BaseException] = []
    ended = threading.Event()

    def repeated(act: Callable[[int], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                for at in range(10_000):
                    if ended.is_set():
                        return
                    act(at)
            except BaseException as error:
                failures.append(error)

        return run

    def search(at: int) -> None:
        found = archive.search(PAPERS, "kept", unit([1, at % 20, 0, 0]), k=20)
        assert [passage.source for passage in found[:20]].count("kept") == 20

    def write(at: int) -> None:
        archive.put(PAPERS, document("new", *[f"other {at}"] * (at % 7)))
        for lot in archive.unembedded(PAPERS, SPACE):
            embed(archive, [chunk.id for chunk in lot], [[0, 0, 1, at]] * len(lot))
        archive.drop(PAPERS, ["new"])

    threads = [threading.Thread(target=repeated(act)) for act in (search, search, search, write)]
    for thread in threads:
        thread.start()
    time.sleep(3)
    ended.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_another_writer_is_waited_for_and_then_told(archive: LocalArchive, path: Path) -> None:
    hasty = LocalArchive(path, patience=0.01)
    with archive._file.writing() as connection:
        connection.execute("DELETE FROM documents")
        with pytest.raises(ArchiveBusy, match=r"The archive of documents .*archive\.db is held by another"):
            hasty.put(PAPERS, document("a", "text"))
        assert hasty.search(PAPERS, "text", None) == [], "but reading goes on"
    hasty.put(PAPERS, document("a", "text"))
    assert len(hasty.search(PAPERS, "text", None)) == 1
    hasty.close()
