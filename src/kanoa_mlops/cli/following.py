"""The folders of `grounding.yaml`, followed for as long as a gateway runs.

A process of its own reads them (`cli.follower`); here its word is passed on, and what it stored is embedded,
by the models that this gateway serves. Nothing that fails here or there ends the gateway.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Event, Lock, Thread

from kanoa_mlops.cli.followed import Followed, forget_followed, write_followed
from kanoa_mlops.cli.look import Look, Order, look_in, written
from kanoa_mlops.errors import KanoaError, UnknownCollection
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.grounding.library.vectors import EmbedderOf
from kanoa_mlops.runtime.identity import this_process
from kanoa_mlops.settings import Settings

_PAUSE_SECONDS, _LONGEST_PAUSE = 2.0, 300.0
"""Before a process that ended is begun again; each time twice as long."""
_SOUND_SECONDS = 60.0
"""One that lived for so long was well."""
_LEAVING_SECONDS = 15.0
"""For the process to end; it gives itself less."""
_EMBED_SECONDS = 10.0
"""Between two tries to embed what could not be, as while no model is served."""
_TOLD_SECONDS = 30.0
"""After which the time of the last look is written down, though nothing else is new."""
_log = logging.getLogger(__name__)


class _Left(Exception):
    """The gateway stops."""


class Following:
    """Begun and closed with the gateway."""

    def __init__(
        self, settings: Settings, archive: Archive, orders: Sequence[Order], embedder_of: EmbedderOf
    ) -> None:
        """
        Args:
            embedder_of: who makes vectors of documents.
        """
        self._settings, self._archive, self._embedder_of = settings, archive, embedder_of
        self._orders = {each.wanted.name: each for each in orders}
        self._gateway = this_process()
        self._known: dict[str, Followed] = {}
        self._ids: dict[str, str] = {}
        self._elsewhere: set[str] = set()
        self._news, self._stop, self._telling = Event(), Event(), Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads = [
            Thread(target=self._run, name="following", daemon=True),
            Thread(target=self._embed, name="embedding", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """What is not stored or embedded yet is left to the next start. The archive is closed afterwards."""
        self._stop.set()
        self._news.set()
        self._end()
        for thread in self._threads:
            thread.join(_LEAVING_SECONDS)
        for name in list(self._known):
            forget_followed(self._settings, name, self._gateway)

    def _run(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                why = self._follow()
            except Exception as error:  # the edge: the gateway outlives what fails here
                _log.error("folders cannot be followed", exc_info=error)
                why = f"it failed: {type(error).__name__}"
            if self._stop.is_set():
                return
            pause = _PAUSE_SECONDS if time.monotonic() - began > _SOUND_SECONDS else pause
            _log.error("what follows folders ended (%s) and begins again in %g s", why, pause)
            for name in self._orders.keys() - self._elsewhere:
                self._tell(name, problem=f"What follows it ended ({why}); it begins again.")
            self._stop.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _follow(self) -> str:
        """To the end of the process, and how it ended."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kanoa_mlops.cli.follower"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin
        assert process.stdout
        try:
            if self._stop.is_set():
                return "before it began"
            process.stdin.write(written(list(self._orders.values())))
            process.stdin.flush()
            for line in process.stdout:
                self._heard(look_in(line))
        finally:
            self._end()
        code = process.wait()
        return f"by signal {-code}" if code < 0 else f"with code {code}"

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _heard(self, look: Look) -> None:
        if look.elsewhere:
            self._elsewhere.add(look.name)
            _log.info("the folder of %s is followed by another gateway of this machine", look.name)
            return
        self._elsewhere.discard(look.name)
        if look.added or look.changed or look.removed:
            _log.info(
                "mirrored %s added=%d changed=%d removed=%d left_out=%d",
                look.name,
                look.added,
                look.changed,
                look.removed,
                look.unread,
            )
        before = self._known.get(look.name)
        if look.problem and (before is None or before.problem != look.problem):
            _log.error("the folder of %s is not mirrored: %s", look.name, look.problem)
        elif before and before.problem and not look.problem:
            _log.info("the folder of %s is mirrored again", look.name)
        self._tell(look.name, looked_at=time.time(), problem=look.problem)
        if look.collection_id and (
            look.added or look.changed or self._ids.get(look.name) != look.collection_id
        ):
            self._ids[look.name] = look.collection_id
            self._news.set()

    def _tell(self, name: str, **said: object) -> None:
        with self._telling:
            self._write(name, said)

    def _write(self, name: str, said: Mapping[str, object]) -> None:
        before = self._known.get(name)
        now = before or Followed(self._gateway, self._orders[name].watched)
        now = replace(now, **said)  # type: ignore[arg-type]
        soon = before is not None and now.looked_at - before.looked_at < _TOLD_SECONDS
        if before is not None and soon and replace(now, looked_at=before.looked_at) == before:
            return
        self._known[name] = now
        try:
            write_followed(self._settings, name, now)
        except OSError as error:
            _log.warning("how %s fares is not written down: %s", name, error.strerror)

    def _embed(self) -> None:
        while not self._stop.is_set():
            self._news.wait(_EMBED_SECONDS)
            self._news.clear()
            for name, id in list(self._ids.items()):
                if self._stop.is_set():
                    return
                self._embed_one(name, id)

    def _embed_one(self, name: str, id: str) -> None:
        problem = ""
        try:
            self._embed_missing(id)
        except _Left:
            return
        except UnknownCollection:
            pass  # removed, which the next look says
        except KanoaError as error:
            problem = f"{error.message} {error.hint}".strip()
        except Exception as error:  # the edge, as above
            _log.error("%s cannot be embedded", name, exc_info=error)
            problem = f"It failed: {type(error).__name__}."
        if problem and problem != self._known[name].embedding:
            _log.warning("%s is found by words alone, as far as it is new: %s", name, problem)
        self._tell(name, embedding=problem)

    def _embed_missing(self, id: str) -> None:
        stats = self._archive.stats(id)
        if stats.embedded == stats.chunks:
            return
        space = next((each.space for each in self._archive.collections() if each.id == id), None)
        embedder = self._embedder_of(space)
        if embedder is not None:  # else `ground status` says what to serve
            embed_missing(self._archive, id, embedder, self._require)

    def _require(self, done: int, of: int) -> None:
        if self._stop.is_set():
            raise _Left
