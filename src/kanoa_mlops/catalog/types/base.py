"""What every entry is made of. Frozen; a foreign key, a missing source or a wrong unit is an error."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Source(Entry):
    """Where a fact was read, and when."""

    url: str = Field(pattern=r"^https://")
    checked: datetime.date
    note: str = ""


class Sourced(Entry):
    """An entry with sources of its own, to which every `source` in it must point."""

    sources: dict[str, Source]

    @model_validator(mode="after")
    def _every_source_is_known(self) -> Self:
        for where, name in _cited(self, ""):
            if name not in self.sources:
                raise ValueError(f"{where}: source {name!r} is not among sources ({', '.join(self.sources)})")
        return self


def _cited(entry: BaseModel, path: str) -> Iterable[tuple[str, str]]:
    """(where, source) of each block below this entry that names one."""
    for name, value in entry:
        if name == "source":
            yield path or "(whole entry)", value
        elif name != "sources":
            yield from _cited_in(value, f"{path}.{name}".lstrip("."))


def _cited_in(value: object, path: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _cited(value, path)
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from _cited_in(each, f"{path}.{getattr(each, 'name', number)}")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _cited_in(each, f"{path}.{key}")
