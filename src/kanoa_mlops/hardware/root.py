"""The files a machine describes itself with, below a root: a recorded machine is read like this one."""

from __future__ import annotations

import errno
from pathlib import Path, PurePosixPath

_ABSENT = {errno.ENOENT, errno.ENOTDIR}


class Root:
    """Reads below one folder and never raises: what is missing is None or empty."""

    def __init__(self, path: Path = Path("/")) -> None:
        self._path = path
        self.unreadable: dict[str, str] = {}
        """File -> why, of all that were there and refused to be read."""

    def text(self, name: str) -> str | None:
        """Without surrounding white space, and without the zeros the device tree ends its strings with."""
        try:
            raw = self._at(name).read_bytes()
        except OSError as error:
            self._note(name, error)
            return None
        return raw.decode("utf-8", errors="replace").strip("\0 \t\r\n")

    def number(self, name: str) -> int | None:
        """A decimal number, or a hexadecimal one that begins with 0x."""
        try:
            return int(self.text(name) or "", 0)
        except ValueError:
            return None

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(each.name for each in self._at(folder).iterdir())
        except OSError as error:
            self._note(folder, error)
            return []

    def exists(self, name: str) -> bool:
        try:
            return self._at(name).exists()
        except OSError as error:
            self._note(name, error)
            return False

    def resolved(self, name: str) -> PurePosixPath | None:
        """Where links lead, as seen below the root; None where they lead nowhere or out of it."""
        try:
            there = self._at(name).resolve(strict=True)
            return PurePosixPath("/", there.relative_to(self._path.resolve()).as_posix())
        except ValueError:
            return None
        except OSError as error:
            self._note(name, error)
            return None

    def real(self, name: str) -> Path:
        """For what only the file itself can tell, such as permissions."""
        return self._at(name)

    def _at(self, name: str) -> Path:
        return self._path / name.lstrip("/")

    def _note(self, name: str, error: OSError) -> None:
        if error.errno not in _ABSENT:
            self.unreadable[name] = error.strerror or str(error)
