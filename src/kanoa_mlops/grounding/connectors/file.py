"""The person's `grounding.yaml`: which stores there are, read and checked. Nothing is connected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.grounding.connectors.entry import Around, Entry
from kanoa_mlops.grounding.connectors.registry import connector
from kanoa_mlops.grounding.types import Retriever
from kanoa_mlops.marked import Marked, Place, parse_marked, read_marked
from kanoa_mlops.placed import remember, told

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OURS = ("vs_", "file-")
"""How ids begin that are made here."""


class Folder(Entry):
    """`provider: local`: documents of a folder, kept and searched here."""

    path: Path
    """Relative to the folder of the file."""
    watch: bool = False

    @property
    def absolute(self) -> Path:
        return (self.folder / self.path.expanduser()).absolute()

    def connect(self, name: str) -> Retriever:
        raise self.mistake("", "a folder is no store elsewhere: it is added to the collections kept here.")


@dataclass(frozen=True)
class GroundingFile:
    folders: Mapping[str, Folder] = field(default_factory=dict)
    """By the name of the collection."""
    stores: Mapping[str, Entry] = field(default_factory=dict)
    """Kept elsewhere, by name; `connect(name, entry)` gives what can be searched."""


def read_grounding_file(
    path: Path, environment: Mapping[str, str], certificates: Path | None = None
) -> GroundingFile:
    """Without a file there are none.

    Args:
        environment: where keys are looked up once a store is connected.
        certificates: authorities to trust beside the system's.

    Raises:
        SettingsError: the file is wrong; names file, line and field.
        MissingExtra: a connector wants a package that is not installed; with its pip command.
    """
    return _grounding(read_marked(path, missing_ok=True), Around(environment, certificates))


def parse_grounding_file(
    path: Path, text: str, environment: Mapping[str, str], certificates: Path | None = None
) -> GroundingFile:
    """As `read_grounding_file`, of this text.

    Args:
        path: named in what is said; relative paths in the text are counted from its folder.

    Raises:
        SettingsError: it is wrong; names file, line and field.
        MissingExtra: a connector wants a package that is not installed; with its pip command.
    """
    return _grounding(parse_marked(path, text), Around(environment, certificates))


def _grounding(file: Marked, around: Around) -> GroundingFile:
    entries = {name: _entry(file, name, given).within(around) for name, given in _stores(file).items()}
    return GroundingFile(
        folders={name: entry for name, entry in entries.items() if isinstance(entry, Folder)},
        stores={name: entry for name, entry in entries.items() if not isinstance(entry, Folder)},
    )


def _stores(file: Marked) -> Mapping[str, Any]:
    if file.document is None:
        return {}
    if not isinstance(file.document, dict):
        raise file.mistake((), "it is not a mapping of keys to values.")
    for key in file.document:
        if key != "stores":
            raise file.mistake((str(key),), "unknown key.", hint="The file has one: stores.")
    stores = file.document.get("stores") or {}
    if not isinstance(stores, dict):
        raise file.mistake(("stores",), "it is not a mapping of names to stores.")
    for name in stores:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith(_OURS):
            hint = "Letters, digits, '.', '_' and '-', at most 64; not as ids begin: vs_, file-."
            raise file.mistake(("stores", str(name)), "it is no name of a store.", hint=hint)
    return stores


def _entry(file: Marked, name: str, given: object) -> Entry:
    place: Place = ("stores", name)
    if not isinstance(given, dict):
        raise file.mistake(place, "it is not a mapping of keys to values.")
    provider = given.get("provider")
    if not isinstance(provider, str):
        raise file.mistake(place, "it names no provider.", hint="As in `provider: local`, or openai.")
    try:
        kind = Folder if provider == "local" else connector(provider)
    except KanoaError as error:
        said = file.mistake((*place, "provider"), error.message, error.hint)
        raise type(error)(said.message, hint=error.hint) from error
    try:
        entry = kind.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise file.mistake((*place, *problem["loc"]), told(problem), _fields(problem, kind)) from error
    remember(entry, file, place)
    return entry


def _fields(problem: Any, kind: type[Entry]) -> str:
    if problem["type"] != "extra_forbidden" or len(problem["loc"]) > 1:
        return ""
    return "It may have: " + ", ".join(each.alias or name for name, each in kind.model_fields.items()) + "."
