"""The process that follows the folders of `grounding.yaml` for a gateway, and ends with it.

Started by `python -P -m`: its orders are the first line of stdin, which then stays open for as long as the
gateway lives, however that ends. A process of its own, as reading and cutting take processor time that
requests would wait for, and memory.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO

from filelock import FileLock, Timeout

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.cli.collection import difference, made, there
from kanoa_mlops.cli.look import Look, Order, orders_in
from kanoa_mlops.cli.page_reader import page_reader
from kanoa_mlops.errors import KanoaError, UnknownCollection
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import MirrorReport, mirror
from kanoa_mlops.grounding.ingest.watch import watch
from kanoa_mlops.settings import Settings, load_settings

_NICE = 10
"""Whatever else the machine does goes before."""
_AGAIN_SECONDS = 2.0
"""Between two tries of what could not be done."""
_LEAVING_SECONDS = 5.0
"""For the file each is at; one that takes longer is not stored."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's is meant for the gateway, which tells us
    os.nice(_NICE)
    logging.disable()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    orders, settings, stop = orders_in(sys.stdin.buffer.readline()), load_settings(), Event()
    tell = _Telling(sink)
    try:
        archive = open_archive(settings)
    except KanoaError as error:
        for each in orders:
            tell(Look(each.wanted.name, problem=f"{error.message} {error.hint}".strip()))
        raise SystemExit(1) from error
    # One at a time: it shares the machine with what answers.
    reader = FileReader(page_reader=page_reader())
    threads = [
        Thread(target=_Following(settings, archive, reader, each, tell, stop).run, daemon=True)
        for each in orders
    ]
    for thread in threads:
        thread.start()
    sys.stdin.buffer.read()
    stop.set()
    until = time.monotonic() + _LEAVING_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    if not any(thread.is_alive() for thread in threads):
        reader.close()
    # Not waited for: one may wait for a lock that another command holds for minutes. What reads for us ends
    # at the end of its stdin.
    os._exit(0)


class _Telling:
    """Lines, from several threads."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._lock = threading.Lock()

    def __call__(self, look: Look) -> None:
        with self._lock:
            try:
                self._sink.write(json.dumps(asdict(look)).encode() + b"\n")
                self._sink.flush()
            except OSError:  # who asked is gone, which stdin is about to say
                return


class _Following:
    """One folder."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        reader: FileReader,
        order: Order,
        tell: _Telling,
        stop: Event,
    ) -> None:
        self._settings, self._archive, self._reader = settings, archive, reader
        self._order, self._tell, self._stop = order, tell, stop
        self._name = order.wanted.name
        self._made = False

    def run(self) -> None:
        if not self._order.watched:
            while not self._once() and not self._stop.wait(_AGAIN_SECONDS):
                pass
            return
        lock = FileLock(self._settings.grounding_dir / f"{self._name}.followed.lock")
        if self._first(lock):
            for _ in watch(self._look, stop=self._stop):
                pass

    def _first(self, lock: FileLock) -> bool:
        """Whether it is ours to follow; held until the process ends, in whatever way."""
        told = False
        while not self._stop.is_set():
            try:
                lock.acquire(timeout=0)
                return True
            except Timeout:
                if not told:
                    self._tell(Look(self._name, elsewhere=True))
                told = True
            self._stop.wait(_AGAIN_SECONDS)
        return False

    def _once(self) -> bool:
        look, _ = self._looked()
        return not look.problem

    def _look(self) -> MirrorReport:
        return self._looked()[1]

    def _looked(self) -> tuple[Look, MirrorReport]:
        look, report = Look(self._name), MirrorReport()
        try:
            collection = self._collection()
            report = self._mirrored(collection)
            look = replace(
                look,
                collection_id=collection.id,
                added=len(report.added),
                changed=len(report.changed),
                removed=len(report.removed),
                unread=len(report.skipped),
            )
        except KanoaError as error:
            look = replace(look, problem=f"{error.message} {error.hint}".strip())
        except Exception as error:  # the edge: it is looked at again, whatever it was
            look = replace(look, problem=f"It failed: {type(error).__name__}.")
        self._tell(look)
        return look, report

    def _collection(self) -> Collection:
        """Made once; what the person changes afterwards, or removes, stays so until a gateway begins."""
        wanted = self._order.wanted
        if not self._made:
            collection = made(self._settings, self._archive, wanted)
            self._made = True
            return collection
        found = there(self._archive, wanted.name)
        if found is None:
            raise UnknownCollection(
                f"{wanted.name} was removed.", hint=f"`kanoa-mlops ground sync {wanted.name}` makes it again."
            )
        if problem := difference(found, wanted.folder):
            raise problem
        return found

    def _mirrored(self, collection: Collection) -> MirrorReport:
        return mirror(
            self._archive,
            collection.id,
            Path(collection.folder),
            state=self._settings.grounding_dir,
            reader=self._reader,
            stop=self._stop,
        )


if __name__ == "__main__":
    main()
