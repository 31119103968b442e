"""One thing from one address into its part, going on after every cut."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from http.client import HTTPException

from kanoa_mlops.errors import KanoaError, SourceFailed
from kanoa_mlops.units import format_bytes, format_duration
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.blob import git_blob
from kanoa_mlops.weights.part import Part
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.refused import REFUSALS, Refused, plainly
from kanoa_mlops.weights.web import PASSING, Answer, Web, explain

_CHUNK = 2**18


@dataclass(frozen=True)
class Remote:
    """One thing to fetch, and what it must turn out to be."""

    name: str
    """The file's, for progress."""
    source: str
    """Who has it, for messages: 'Hugging Face org/repo'."""
    address: Address
    size: int
    sha256: str = ""
    git_blob: str = ""
    """What Git calls the content; asked where no sha256 is known."""
    refused: Refused = field(default_factory=lambda: plainly(""))

    def difference(self, part: Part) -> str:
        """What other bytes the part holds than it should; '' where it holds the right ones."""
        if self.sha256:
            kind, found, wanted = "sha256", part.sha256, self.sha256
        else:
            kind, found, wanted = "git blob", git_blob(part.path), self.git_blob
        return "" if found == wanted else f"{kind} {found[:12]}… and not {wanted[:12]}…"


def download(remote: Remote, part: Part, web: Web, progress: Progress) -> None:
    """Fill the part until it is whole and its checksum is right.

    Raises:
        SourceFailed: its message is written to follow the name of the source. The part stays, unless its
            bytes are wrong.
        AccessRefused: the hub does not give it to this person.
        DiskFull: the part stays.
    """
    if part.size > remote.size:
        part.restart()
    if 0 < part.size < remote.size:
        progress.note(f"{format_bytes(part.size)} of {remote.name} are here already; going on from there.")
    _fill(remote, part, web, progress)
    if not remote.difference(part):
        return
    progress.note(f"{remote.source} gave other bytes than are listed; once more from the start.")
    part.restart()
    _fill(remote, part, web, progress)
    if difference := remote.difference(part):
        part.restart()
        raise SourceFailed(f"gives other bytes than are listed ({difference})")


def _fill(remote: Remote, part: Part, web: Web, progress: Progress) -> None:
    """Ask until nothing is missing. Before the first byte a failure is final: another source may be better.
    After it, only so many failures in a row without a byte more than ever before."""
    patience = web.patience
    began = furthest = part.size
    failures = 0
    while part.size < remote.size:
        try:
            trouble = _fetch_rest(remote, part, web, progress)
        except SourceFailed as error:
            if furthest == began:
                raise
            trouble = error.message
        failures = 0 if part.size > furthest else failures + 1
        furthest = max(furthest, part.size)
        if part.size == remote.size:
            progress.finish()
            return
        where = f"at {format_bytes(part.size)} of {format_bytes(remote.size)}"
        if failures >= patience.tries:
            raise SourceFailed(f"{trouble} {where}, {failures} times in a row")
        pause = patience.pause_seconds * 2 ** max(failures - 1, 0)
        progress.note(f"{remote.source} {trouble} {where}; trying again in {format_duration(pause)}.")
        time.sleep(pause)


def _fetch_rest(remote: Remote, part: Part, web: Web, progress: Progress) -> str:
    """What is missing, in one request. The trouble that ended it early, or '' when all of it came."""
    with web.open(remote.address, offset=part.size) as answer:
        if trouble := _begin(answer, remote, part):
            return trouble
        progress.start(remote.name, remote.size, part.size)
        return _receive(answer, remote, part, progress)


def _begin(answer: Answer, remote: Remote, part: Part) -> str:
    """Bring part and answer to the same byte."""
    if answer.status in PASSING:
        return f"answered HTTP {answer.status}"
    if answer.status == 416:
        part.restart()
        return "has fewer bytes than we have"
    if answer.status not in (200, 206):
        raise _refusal(answer, remote)
    start, total = answer.offered()
    if total not in (None, remote.size):
        raise SourceFailed(f"has a file of {total} bytes there, and {remote.size} are listed")
    if start == 0:
        part.restart()  # also when the server knows no ranges and begins anew
    elif start != part.size:
        part.restart()
        return "went on at another byte than we asked for"
    return ""


def _refusal(answer: Answer, remote: Remote) -> KanoaError:
    if answer.status in REFUSALS or answer.headers.get("x-error-code") == "RepoNotFound":
        return remote.refused(answer)
    if answer.status in (404, 410):
        return SourceFailed(f"does not have {remote.name} (HTTP {answer.status})")
    return SourceFailed(f"answered HTTP {answer.status}")


def _receive(answer: Answer, remote: Remote, part: Part, progress: Progress) -> str:
    while missing := remote.size - part.size:
        try:
            data = answer.stream.read1(min(_CHUNK, missing))
        except (OSError, HTTPException) as error:
            return f"was cut ({explain(error)})"
        if not data:
            return "was cut"
        part.append(data)
        progress.advance(len(data))
    return ""
