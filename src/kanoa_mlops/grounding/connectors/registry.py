"""Which connectors are installed: entry points of one group, ours and anybody's."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from kanoa_mlops.errors import MissingExtra, SettingsError
from kanoa_mlops.grounding.connectors.entry import Entry
from kanoa_mlops.nearest import meant

GROUP = "kanoa_mlops.connectors"


def providers() -> list[str]:
    """The names under which connectors are installed. Imports none of them."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def connector(provider: str) -> type[Entry]:
    """
    Raises:
        SettingsError: there is none of that name, with the nearest; or what it names is no connector.
        MissingExtra: it wants a package that is not installed.
    """
    found = entry_points(group=GROUP, name=provider)
    if not found:
        raise SettingsError(f"there is no provider {provider!r}.", hint=_hint(provider))
    [point, *_] = found
    kind = _load(point)
    if not (isinstance(kind, type) and issubclass(kind, Entry)):
        raise SettingsError(f"{point.value} is no connector: it is not a class made from Entry.")
    return kind


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise MissingExtra(
            f"its connector {point.value} wants {error.name}, which is not installed.",
            hint=f"pip install {package}",
        ) from error
    except Exception as error:  # of anybody's module
        raise SettingsError(f"its connector {point.value} cannot be loaded: {error}.") from error


def _hint(provider: str) -> str:
    known = ["local", *providers()]
    return meant(provider, known) or "Installed: " + ", ".join(known) + "."
