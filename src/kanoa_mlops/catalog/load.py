"""Reading catalog files. A mistake names the file and the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from kanoa_mlops.catalog.shelf import Shelf
from kanoa_mlops.catalog.types import Engine, Measurements, Model, Platform, Provider, Quantization
from kanoa_mlops.errors import CatalogError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Entry = TypeVar("_Entry", bound=BaseModel)


@dataclass(frozen=True)
class Catalog:
    """All entries, by id, in alphabetical order."""

    models: Mapping[str, Model]
    platforms: Mapping[str, Platform]
    providers: Mapping[str, Provider]
    engines: Mapping[str, Engine]
    quantizations: Mapping[str, Quantization]
    measurements: Mapping[str, Measurements]


def load_catalog(*extra: Path) -> Catalog:
    """The entries shipped here, then those of each folder in `extra` (an entry of the same id replaces).

    A person's own entries are read and checked at once; shipped ones, which the tests check, when asked for.

    Raises:
        CatalogError: naming file and field.
    """
    folders = (Path(str(resources.files("kanoa_mlops.catalog"))) / "data", *extra)
    catalog = Catalog(
        models=_shelf(folders, "models", Model),
        platforms=_shelf(folders, "platforms", Platform),
        providers=_shelf(folders, "providers", Provider),
        engines=_shelf(folders, "engines", Engine),
        quantizations=_shelf(folders, "quantizations", Quantization),
        measurements=_shelf(folders, "measurements", Measurements),
    )
    if any(path for folder in extra for path in folder.glob("*/*.yaml")):
        check(catalog)
    return catalog


def check(catalog: Catalog) -> None:
    """Read every entry, and see that names are nobody else's and references lead somewhere.

    Raises:
        CatalogError: naming file and field, or the entries that disagree.
    """
    _refuse_shared_names("models", catalog.models.values())
    _refuse_shared_names("platforms", catalog.platforms.values())
    _refuse_strangers(catalog)


def read_entry(path: Path, kind: type[_Entry]) -> _Entry:
    """One file; its name without ending is the id.

    Raises:
        CatalogError: naming file and field.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Strict)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path} is not valid YAML: {error}") from error
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from error
    if not isinstance(document, dict):
        raise CatalogError(f"{path} must hold a mapping, as the other entries do")
    if "id" in document:
        raise CatalogError(f"{path}: id: the file name is the id; remove the field")
    try:
        return kind.model_validate(document | {"id": path.stem})
    except ValidationError as error:
        raise CatalogError(_explain(path, error)) from error


def _shelf(folders: Iterable[Path], name: str, kind: type[_Entry]) -> Shelf[_Entry]:
    paths = {path.stem: path for folder in folders for path in (folder / name).glob("*.yaml")}
    return Shelf(paths, lambda path: read_entry(path, kind))


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"]) or "(whole entry)"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        lines.append(f"{path}: {field}: {message}")
    return "\n".join(lines)


def _refuse_shared_names(kind: str, entries: Iterable[Model | Platform]) -> None:
    owners: dict[str, str] = {}
    for entry in entries:
        for name in (entry.id, *entry.aliases):
            if name in owners:
                raise CatalogError(f"{kind} {owners[name]} and {entry.id} both answer to the name {name!r}")
            owners[name] = entry.id


def _refuse_strangers(catalog: Catalog) -> None:
    """An entry that names another must find it."""
    for where, name, known in _references(catalog):
        if name not in known:
            raise CatalogError(f"{where}: there is no {name!r} among {', '.join(known)}")


def _references(catalog: Catalog) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for model in catalog.models.values():
        for weights in model.weights:
            yield f"model {model.id}, weights {weights.name}", weights.quantization, catalog.quantizations
        for engine in model.engines:
            yield f"model {model.id}, engines", engine, catalog.engines
    for engine_facts in catalog.engines.values():
        for quantization in engine_facts.quantizations:
            yield f"engine {engine_facts.id}", quantization, catalog.quantizations
    for platform in catalog.platforms.values():
        for engine in platform.engines:
            yield f"platform {platform.id}", engine, catalog.engines
        for hosted in platform.hosted:
            yield f"platform {platform.id}", hosted.model, catalog.models
            yield f"platform {platform.id}", hosted.provider, catalog.providers
    for provider in catalog.providers.values():
        for offer in provider.offers:
            yield f"provider {provider.id}", offer.model, catalog.models
    for measurements in catalog.measurements.values():
        yield f"measurements {measurements.id}", measurements.platform, catalog.platforms
        for run in measurements.runs:
            yield f"measurements {measurements.id}", run.model, catalog.models


class _Strict(_Loader):  # type: ignore[misc, valid-type]
    """YAML in which a key written twice is a mistake, not a silent replacement."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping
