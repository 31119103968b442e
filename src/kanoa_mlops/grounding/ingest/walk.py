"""Files of a folder, without what nobody wrote to be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kanoa_mlops.errors import MissingExtra

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_MACHINERY = {"node_modules", "__pycache__", "__MACOSX", "site-packages"}
_ENVIRONMENT = "pyvenv.cfg"
_LITTER = {"Thumbs.db", "desktop.ini"}
_LOCK = "~$"  # Office's, of a file that is open


@dataclass(frozen=True)
class Found:
    """A file, as it is on the disk."""

    source: str
    """Its path relative to the folder, with slashes."""
    path: Path
    bytes: int
    modified: float


@dataclass(frozen=True)
class Skipped:
    """What is not in the collection, and why."""

    source: str
    reason: str
    hint: str = ""


@dataclass
class Walk:
    """What there is in a folder, and what could not be looked at. Links are not followed:
    what they lead to inside the folder is found there, and what is outside was not given.
    """

    skipped: list[Skipped] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    """Folders that could not be listed, so that nothing is known of what is in them."""
    left_out: int = 0
    """Hidden or ignored files and folders; each folder counts 1."""

    def files(self, folder: Path) -> Iterator[Found]:
        """
        Raises:
            OSError: `folder` itself cannot be listed.
            MissingExtra: there is a .gitignore, and what understands it is not installed.
        """
        yield from self._files(folder, folder, folder.resolve(), ())

    def _files(
        self, at: Path, root: Path, real: Path, rules: tuple[tuple[Path, GitIgnoreSpec], ...]
    ) -> Iterator[Found]:
        try:
            with os.scandir(at) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            if at == root:
                raise
            self.closed.append(_source(at, root))
            self.skipped.append(Skipped(_source(at, root), f"The folder cannot be listed: {error.strerror}."))
            return
        names = {entry.name for entry in entries}
        if at != root and _ENVIRONMENT in names:
            self.left_out += 1
            return
        if ".gitignore" in names:
            rules = ((at, _ignored(at / ".gitignore")), *rules)
        for entry in entries:
            yield from self._entry(entry, root, real, rules)

    def _entry(
        self,
        entry: os.DirEntry[str],
        root: Path,
        real: Path,
        rules: tuple[tuple[Path, GitIgnoreSpec], ...],
    ) -> Iterator[Found]:
        path = Path(entry.path)
        try:
            about = entry.stat(follow_symlinks=False)
        except OSError:
            return  # gone meanwhile
        is_folder = stat.S_ISDIR(about.st_mode)
        if _unwanted(entry.name) or _is_ignored(path, is_folder, rules):
            self.left_out += 1
        elif stat.S_ISLNK(about.st_mode):
            self.skipped.append(Skipped(_source(path, root), _link(path, real)))
        elif is_folder:
            yield from self._files(path, root, real, rules)
        elif stat.S_ISREG(about.st_mode):
            yield Found(_source(path, root), path, about.st_size, about.st_mtime)
        else:
            self.skipped.append(
                Skipped(_source(path, root), "It is no file, but a pipe, a socket or a device.")
            )


def _source(path: Path, root: Path) -> str:
    """A name that is no UTF-8 is written with its bytes as \\xNN."""
    return os.fsencode(path.relative_to(root).as_posix()).decode(errors="backslashreplace")


def _unwanted(name: str) -> bool:
    return name.startswith((".", _LOCK)) or name in _MACHINERY or name in _LITTER


def _ignored(file: Path) -> GitIgnoreSpec:
    try:
        from pathspec import GitIgnoreSpec
    except ImportError:
        raise MissingExtra(
            f"{file} says what to leave out; reading it needs pathspec.",
            hint="pip install 'kanoa-mlops[grounding]'",
        ) from None
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    rules = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
            rules.append(line)
        except ValueError:
            continue  # git passes over what is no pattern, too
    return GitIgnoreSpec.from_lines(rules)


def _is_ignored(path: Path, is_folder: bool, rules: tuple[tuple[Path, GitIgnoreSpec], ...]) -> bool:
    """As git says: the nearest .gitignore that speaks of it decides."""
    for base, spec in rules:
        relative = path.relative_to(base).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(relative).include
        if verdict is not None:
            return verdict
    return False


def _link(path: Path, real: Path) -> str:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        looped = isinstance(error, RuntimeError) or getattr(error, "errno", None) == 40
        return "It is a link that leads round in a circle." if looped else "It is a link that leads nowhere."
    if target == real or target in path.resolve().parents or path.parent.resolve().is_relative_to(target):
        return "It is a link back to a folder that it is in."
    if target.is_relative_to(real):
        return "It is a link within the folder: what it leads to is read at its own place."
    return f"It is a link out of the folder, to {target}: add that folder instead."
