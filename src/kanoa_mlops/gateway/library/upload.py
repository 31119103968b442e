"""A form with a file, written to disk as it comes."""

from __future__ import annotations

import errno
import re
import tempfile
from pathlib import Path
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from kanoa_mlops.errors import DiskFull
from kanoa_mlops.gateway.envelope import ApiError

_LONGEST_FIELD = 4096  # bytes of one that is no file
_MOST_PARTS = 16
_LONGEST_NAME = 255
_FRAMING = 64 * 1024
"""Bytes of a form beside its file."""


class Upload:
    """Wants to be fed until the body's end, then finished; and closed, however it went. For one thread."""

    def __init__(self, content_type: str, spool: Path | None, max_bytes: int) -> None:
        """
        Args:
            spool: folder of the file; it has no name there, so that nothing is left of one that is killed.
            max_bytes: of the file.

        Raises:
            ApiError: 400, this is no such form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 256:
            raise _bad("A file is sent as multipart/form-data, with a boundary.")
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=spool)  # noqa: SIM115 - `close` is ours
        self.filename: str | None = None
        self.fields: dict[str, str] = {}
        self.size = 0
        self._max_bytes = max_bytes
        self._name = ""
        self._is_file = False
        self._field = b""
        self._header = self._value = b""
        self._disposition = b""
        self._parts = 0
        self._whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """
        Raises:
            ApiError: 400 for what is no form, 413 for a file that is too large.
            DiskFull: there is no room for it.
        """
        try:
            self._parser.write(piece)
        except MultipartParseError as error:
            raise _bad("The form is broken.") from error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull("There is no room for the file on the gateway's disk.") from error

    def finish(self) -> None:
        """
        Raises:
            ApiError: 400, the form's end or its file is missing.
        """
        if not self._whole:
            raise _bad("The form ends before its end.")
        if self.filename is None:
            raise missing("file")

    def close(self) -> None:
        self.file.close()

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise _bad(f"The form has more than {_MOST_PARTS} parts.")
        self._name, self._is_file, self._field = "", False, b""
        self._header = self._value = self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._is_file = filename is not None and self._name == "file"
        if self._is_file and filename is not None:
            if self.filename is not None:
                raise _bad("The form has more than one file.")
            self.filename = _clean(filename.decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.size += end - start
            if self.size > self._max_bytes:
                raise too_large(self._max_bytes)
            self.file.write(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _LONGEST_FIELD:
            raise _bad(f"A field of the form is longer than {_LONGEST_FIELD} bytes.")

    def _part_end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = self._field.decode("utf-8", "replace")

    def _end(self) -> None:
        self._whole = True


def most_of_form(max_bytes: int) -> int:
    """Bytes of a form with a file of so many."""
    return max_bytes + _FRAMING


def too_large(max_bytes: int) -> ApiError:
    return ApiError(
        413,
        f"The file is larger than {max_bytes:,} bytes, the most this gateway takes.",
        code="file_too_large",
        param="file",
    )


def missing(name: str) -> ApiError:
    return ApiError(400, f"'{name}' is required.", code="invalid_value", param=name)


def _clean(filename: str) -> str:
    """The last part of a path, of whichever system, without what no terminal should see."""
    last = re.split(r"[/\\]", filename)[-1]
    kept = "".join(each for each in last if each.isprintable()).strip()
    return kept[-_LONGEST_NAME:] or "file"


def _bad(message: str) -> ApiError:
    return ApiError(400, message, code="bad_body")
