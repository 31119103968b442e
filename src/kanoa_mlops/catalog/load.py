"""Reading catalog files. A mistake names the file and the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kanoa_mlops.catalog.types import Model
from kanoa_mlops.errors import CatalogError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Catalog:
    """All models, by id, in alphabetical order."""

    models: Mapping[str, Model]


def load_catalog(*extra: Path) -> Catalog:
    """The entries shipped here, then those of each folder in `extra` (an entry of the same id replaces).

    Raises:
        CatalogError: naming file and field.
    """
    shipped = Path(str(resources.files("kanoa_mlops.catalog"))) / "data"
    models: dict[str, Model] = {}
    for folder in (shipped, *extra):
        models |= {model.id: model for model in _read_models(folder / "models")}
    catalog = Catalog(dict(sorted(models.items())))
    _refuse_shared_names(catalog.models.values())
    return catalog


def read_model(path: Path) -> Model:
    """One model file; its name without ending is the id.

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
        return Model.model_validate(document | {"id": path.stem})
    except ValidationError as error:
        raise CatalogError(_explain(path, error)) from error


def _read_models(folder: Path) -> Iterable[Model]:
    return (read_model(path) for path in sorted(folder.glob("*.yaml")))


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"]) or "(whole entry)"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "unknown key"
        lines.append(f"{path}: {field}: {message}")
    return "\n".join(lines)


def _refuse_shared_names(models: Iterable[Model]) -> None:
    owners: dict[str, str] = {}
    for model in models:
        for name in (model.id, *model.aliases):
            if name in owners:
                raise CatalogError(f"models {owners[name]} and {model.id} both answer to the name {name!r}")
            owners[name] = model.id


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
