"""The process that reads files for another one: a job comes on stdin, what came of it goes to stdout.

Started by `python -P -m`: so no module is found in the folder the person stands in.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any, BinaryIO

from kanoa_mlops.errors import KanoaError, UnreadableDocument
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.extraction import extract
from kanoa_mlops.grounding.ingest.frames import packed, unpacked
from kanoa_mlops.grounding.ingest.limits import MIB
from kanoa_mlops.grounding.ingest.sniffing import HEAD, format_of

_CLOCK = 4  # times the seconds of the processor
_BEYOND = 5  # seconds that the one who asked has to end it first
_ADDRESSES = 1024 * MIB  # beside the memory allowed: libraries and threads reserve more than they use


def main() -> None:
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    while True:
        try:
            job, body = unpacked(lambda count: _exactly(source, count))
        except EOFError:
            return
        _limit(job)
        for answer, content in _answers(job, body):
            sink.write(packed(answer, content))
            sink.flush()
        signal.alarm(0)


def _answers(job: dict[str, Any], body: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    try:
        if job["do"] == "render":
            from kanoa_mlops.grounding.ingest.formats.pdf_pictures import rendered

            for page, image in rendered(_content(job, body)[0], job["pages"], job["dots"]):
                yield {"page": page}, image
            yield {"end": True}, b""
        elif job["do"] == "figures":
            from kanoa_mlops.grounding.ingest.formats.pdf_pictures import figure_pages

            yield {"pages": figure_pages(_content(job, body)[0])}, b""
        else:
            yield _read(job, body), b""
    except MemoryError:
        reason = f"It needs more than {job['memory'] // MIB} MiB of memory."
        yield {"why": reason, "hint": "", "spent": True}, b""
    except KanoaError as error:
        yield (
            {"why": error.message, "hint": error.hint, "kind": type(error).__name__},
            b"",
        )
    except OSError as error:
        yield {"why": f"It cannot be read: {error.strerror or error}.", "hint": "", "io": True}, b""
    except Exception as error:  # the edge: a parser met what its author never thought of
        yield {"why": f"It is damaged: {type(error).__name__}: {str(error)[:200]}", "hint": ""}, b""


def _read(job: dict[str, Any], body: bytes) -> dict[str, Any]:
    content, modified = _content(job, body)
    digest = sha256(content).hexdigest()
    answer: dict[str, Any] = {"digest": digest, "bytes": len(content), "modified": modified}
    if digest == job["known"]:
        return answer | {"same": True}
    found = extract(job["name"], content, Chunking(*job["chunking"]), job["text_bytes"])
    return answer | asdict(found)


def _content(job: dict[str, Any], body: bytes) -> tuple[bytes, float]:
    """And when it was last changed."""
    if "path" not in job:
        return body, 0.0
    # Neither a link that came meanwhile is followed, nor a pipe waited for.
    handle = os.open(bytes.fromhex(job["path"]), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableDocument("It is no file, but a pipe, a device or the like.")
        head = file.read(HEAD)
        if about.st_size > job["file_bytes"]:
            format_of(job["name"], head)  # a film is no document, however large
            raise UnreadableDocument(
                f"It is too large: {about.st_size / MIB:,.0f} MiB, of at most {job['file_bytes'] / MIB:g}."
            )
        if head and not head.startswith(b"\xd0\xcf\x11\xe0"):
            format_of(job["name"], head)
        return head + file.read(job["file_bytes"]), about.st_mtime


def _limit(job: dict[str, Any]) -> None:
    """Should the one who asked be gone: neither alarm nor limit can be forgotten by what hangs."""
    import resource

    signal.alarm(_CLOCK * int(job["seconds"]) + _BEYOND)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = job["memory"] + _ADDRESSES
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _exactly(source: BinaryIO, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise EOFError
    return data


if __name__ == "__main__":
    main()
