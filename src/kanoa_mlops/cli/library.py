"""The stores of the person's `grounding.yaml`, and who may search them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kanoa_mlops.cli.books import looked_up
from kanoa_mlops.errors import UnknownKey
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.grounding.archive import EVERYBODY
from kanoa_mlops.grounding.connectors import GroundingFile, connect, read_grounding_file
from kanoa_mlops.grounding.library import Bound
from kanoa_mlops.settings import Settings, environment


def grounding_file(settings: Settings) -> GroundingFile:
    """
    Raises:
        SettingsError: it is wrong; names file, line and field.
        MissingExtra: a connector wants a package that is not installed.
    """
    return read_grounding_file(settings.grounding_file, environment(), settings.certificates)


def bound_stores(settings: Settings, file: GroundingFile) -> Mapping[str, Bound]:
    """Nothing is connected before the first search.

    Raises:
        UnknownKey: a store is for a key that there is not.
    """
    return {
        name: Bound(connect(name, entry), entry.shareable, key_ids(settings, entry.readers))
        for name, entry in file.stores.items()
    }


def key_ids(settings: Settings, names: Iterable[str]) -> frozenset[str]:
    """Of keys by name or id; `EVERYBODY` stays what it is.

    Raises:
        UnknownKey: there is none of that name, or it is revoked.
    """
    wanted = frozenset(names)
    if wanted <= {EVERYBODY}:
        return wanted
    none: Sequence[Key] = ()
    keys = looked_up(settings, lambda store: store.all_keys(), none)
    ids = {name: key.id for key in keys if key.revoked is None for name in (key.name, key.id)}
    if unknown := sorted(wanted - {EVERYBODY} - ids.keys()):
        raise UnknownKey(f"There is no key {unknown[0]!r}.", hint="`kanoa-mlops keys list` shows all.")
    return frozenset(ids.get(name, name) for name in wanted)
