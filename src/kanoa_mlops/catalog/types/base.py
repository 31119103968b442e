"""What every entry is made of. Frozen; a foreign key, a missing source or a wrong unit is an error."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kanoa_mlops.units import parse_bytes, parse_flops, parse_rate, parse_tokens

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
"""Written with its unit: '98362432 B'."""
Tokens = Annotated[int, BeforeValidator(parse_tokens)]
"""Written with its unit: '8192 tokens'."""
BytesPerSecond = Annotated[float, BeforeValidator(parse_rate)]
"""Written with its unit: '960 GB/s'."""
Flops = Annotated[float, BeforeValidator(parse_flops)]
"""Operations a second, written with their unit: '113 TFLOPS'."""
Count = Annotated[int, Field(gt=0, strict=True)]
Share = Annotated[float, Field(gt=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""The name of an entry's file; not written in it."""
SourceName = Annotated[str, Field(min_length=1)]
"""A key of the entry's `sources`."""


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
