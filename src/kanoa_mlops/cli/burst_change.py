"""How `burst allow` and `burst revoke` change the owner's file. What is wrong is told before that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import PrivateAttr, ValidationError

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.text_file import read
from kanoa_mlops.errors import SettingsError, UserError
from kanoa_mlops.gateway.burst.allowed import AllowedProvider, BurstConfig, written_sum
from kanoa_mlops.gateway.burst.edit import added, changed, removed
from kanoa_mlops.gateway.burst.granting import Entry, burst_of, ids
from kanoa_mlops.gateway.burst.read import allowed_in
from kanoa_mlops.gateway.burst.secret import Secrets
from kanoa_mlops.marked import parse_marked
from kanoa_mlops.placed import told


@dataclass(frozen=True)
class Wanted:
    """What `allow` was told; None is what it was not."""

    provider: str
    model: str
    target: str | None
    plan: str | None
    account: str | None
    micro_per_day: int | None
    micro_per_month: int | None
    key_file: Path | None

    def fields(self) -> dict[str, str]:
        """Beside who answers for what, as a file has them."""
        given = {
            "with": self.target,
            "plan": self.plan,
            "account": self.account,
            "max_per_day": None if self.micro_per_day is None else written_sum(self.micro_per_day),
            "max_per_month": None if self.micro_per_month is None else written_sum(self.micro_per_month),
            "key_file": None if self.key_file is None else str(self.key_file.expanduser().absolute()),
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Changed:
    path: Path
    text: str
    """As it is to be written."""
    config: BurstConfig
    number: int
    """Of the entry that is new or changed."""


class _Asked(AllowedProvider):
    """Not written in a file yet, so what is wrong with it is told in the command's own words.

    What it keeps of an entry that the file has already is told where that stands.
    """

    _old: Entry | None = PrivateAttr(default=None)
    _kept: frozenset[str] = PrivateAttr(default=frozenset())

    def setting(self, name: str, value: str = "") -> str:
        if name in self._kept:
            return super().setting(name, value)
        # To a shell a dollar is the start of a name.
        return f"{_option(name)} {value.removesuffix(' $')}".rstrip()

    def mistake(self, field: str, message: str, hint: str = "") -> SettingsError:
        if self._old is not None and field in self._kept:
            return self._old.mistake(field, message, hint)
        return super().mistake(_option(field) if field else "", message, hint)


def allowed_file(path: Path, wanted: Wanted, catalog: Catalog) -> Changed:
    """
    Raises:
        UserError: it cannot be granted, or the file cannot be changed.
    """
    text = read(path)
    before = allowed_in(parse_marked(path, text))
    number = _number(before.allowed, wanted)
    fields = wanted.fields()
    _try(before, None if number is None else before.allowed[number], wanted, catalog)
    if number is None:
        number = len(before.allowed)
        text = added(path, text, _new(before.allowed, wanted) | fields)
    else:
        text = changed(path, text, number, fields)
    return Changed(path, text, allowed_in(parse_marked(path, text)), number)


def revoked_file(path: Path, name: str, model: str | None) -> tuple[str, Sequence[str]]:
    """What is left of the file, and the models that it was allowed for.

    Args:
        name: a provider, or an id.

    Raises:
        UserError: it was not allowed, or the file cannot be changed.
    """
    text = read(path)
    before = allowed_in(parse_marked(path, text)).allowed
    names = ids(before)
    numbers = [
        number
        for number, (entry, id) in enumerate(zip(before, names, strict=True))
        if name.lower() in (id.lower(), _provider(entry)) and model in (None, entry.model)
    ]
    if not numbers:
        which = f"{name} is not allowed" + (f" to answer for {model}." if model else ".")
        raise UserError(which, hint="`kanoa-mlops burst list` shows what is.")
    text = removed(path, text, numbers)
    # What was spent is kept by id: an entry that is not the second any more keeps that of the second.
    kept = [id for number, id in enumerate(names) if number not in numbers]
    for number, (now, id) in enumerate(
        zip(ids(allowed_in(parse_marked(path, text)).allowed), kept, strict=True)
    ):
        if now != id:
            text = changed(path, text, number, {"id": id})
    return text, list(dict.fromkeys(before[number].model for number in numbers))


def _number(entries: Sequence[Entry], wanted: Wanted) -> int | None:
    """Of the entry that is meant; None where it is not there yet."""
    found = [
        number
        for number, entry in enumerate(entries)
        if _provider(entry) == wanted.provider.lower() and entry.model == wanted.model
    ]
    same = [
        number
        for number in found
        if wanted.target == (getattr(entries[number], "target", "") or wanted.target)
    ]
    if len(found) > 1 and len(same) != 1:
        raise entries[found[-1]].mistake(
            "", f"{wanted.provider} stands here more than once for {wanted.model}.", "Say which by --with."
        )
    return same[0] if len(found) > 1 else next(iter(found), None)


def _try(before: BurstConfig, old: Entry | None, wanted: Wanted, catalog: Catalog) -> None:
    """The entry alone, so that what is wrong is said of it and not of a file that is not written yet."""
    known = old.model_dump(mode="json", by_alias=True, exclude_unset=True) if old else {}
    said = {"provider": wanted.provider, "for": wanted.model} | wanted.fields()
    entry = known | said
    try:
        alone = _Asked.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        if old is not None and not problem["loc"]:  # of what is said and what is kept, together
            raise old.mistake("", told(problem)) from None
        field, *rest = map(str, problem["loc"])
        raise UserError(f"{'.'.join((_option(field), *rest))}: {told(problem)}") from None
    alone._old, alone._kept = old, frozenset(known.keys() - said.keys())
    burst_of(before.model_copy(update={"allowed": (alone,)}), catalog)
    if wanted.key_file is not None:
        Secrets({}).key_of(alone, None)


def _option(field: str) -> str:
    """What of `burst allow` sets it."""
    return "PROVIDER" if field == "provider" else f"--{field.replace('_', '-')}"


def _new(entries: Sequence[Entry], wanted: Wanted) -> dict[str, str]:
    """With an id of its own where the provider's is taken: it stays when the other goes."""
    entry = {"provider": wanted.provider.lower(), "for": wanted.model}
    *taken, id = ids((*entries, AllowedProvider.model_validate(entry)))
    return entry if id == entry["provider"] and id not in taken else entry | {"id": id}


def _provider(entry: Entry) -> str:
    return entry.provider.lower() if isinstance(entry, AllowedProvider) else ""
