"""The door for models that are not in the catalog: a file, a folder, or a repository of the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from kanoa_mlops.catalog.foreign.found import Found
from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.types import Model, Quantization
from kanoa_mlops.errors import OfflineError, UnknownModel, UserError
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.gguf_names import gguf_sets
from kanoa_mlops.weights.hub_files import HubFiles
from kanoa_mlops.weights.hub_model import model_from_repository
from kanoa_mlops.weights.local_model import model_from_folder, model_from_gguf_file
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.repository_card import read_card
from kanoa_mlops.weights.web import Web

_REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_PATIENCE = Patience(connect_seconds=5, stall_seconds=10, tries=3, pause_seconds=0.5)
"""A plan is waited for; a download is not."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_model(
    name: str, settings: Settings, *, quantizations: Mapping[str, Quantization] | None = None
) -> Model:
    """The model that a path or 'ORG/NAME[@REVISION]' leads to, as if it were in the catalog.

    Args:
        quantizations: those of the catalog, where it is loaded already.

    Raises:
        UserError: it leads nowhere.
        UnknownArchitecture: it leads to a model that is not understood; says what is missing.
        UnknownModel, OfflineError, SourceFailed: as for `fetch_model`.
    """
    if quantizations is None:
        quantizations = load_catalog(settings.catalog_dir).quantizations
    path = Path(name).expanduser()
    if path.is_dir() and (_looks_like_path(name) or (path / "config.json").exists()):
        return _from_folder(path.absolute(), quantizations)
    if path.is_file():
        return _from_file(path.absolute(), quantizations)
    if _looks_like_path(name):
        raise UserError(f"There is no file {path}.")
    return fetch_model(name, settings, quantizations=quantizations)


def is_foreign(name: str) -> bool:
    """Whether a name can only be a path or a repository, and no entry of the catalog."""
    return _looks_like_path(name) or "/" in name


def fetch_model(
    repo: str,
    settings: Settings,
    *,
    quantizations: Mapping[str, Quantization] | None = None,
    patience: Patience = _PATIENCE,
) -> Model:
    """The model of a repository of the hub, from the headers of its files.

    Args:
        repo: 'ORG/NAME', and '@REVISION' for another state than the newest.

    Raises:
        UnknownModel: there is no such repository or revision.
        UnknownArchitecture: it holds something that is not understood.
        OfflineError: the network is forbidden and the hub's own cache does not have it.
        SourceFailed: the hub refuses, or does not answer.
    """
    match = _REPOSITORY.fullmatch(repo)
    if match is None:
        raise UnknownModel(
            f"{repo!r} is neither in the catalog, nor a file, nor ORG/NAME on the hub.",
            hint="`kanoa-mlops models` lists the catalog.",
        )
    name, revision = match["repo"], match["revision"] or "main"
    if quantizations is None:
        quantizations = load_catalog(settings.catalog_dir).quantizations
    if settings.offline:
        return _from_cache(name, revision, settings, quantizations)
    web = Web(settings.certificates, patience)
    card = read_card(name, revision, settings, web)
    return model_from_repository(HubFiles(card, settings, web), quantizations)


def _from_folder(folder: Path, quantizations: Mapping[str, Quantization]) -> Model:
    sets = gguf_sets(path.name for path in folder.glob("*.gguf"))
    if (folder / "config.json").exists() or not sets:
        return model_from_folder(folder, folder.name)
    if len(sets) > 1:
        raise UserError(
            f"{folder} holds several models: {', '.join(each.name for each in sets)}.",
            hint="Give the path of one of them.",
        )
    return model_from_gguf_file(folder / sets[0].paths[0], quantizations)


def _from_file(path: Path, quantizations: Mapping[str, Quantization]) -> Model:
    if path.suffix.lower() == ".gguf":
        return model_from_gguf_file(path, quantizations)
    if path.name == "config.json":
        return model_from_folder(path.parent, path.parent.name)
    raise UserError(
        f"{path} is no model.", hint="Give a GGUF file, a config.json, or the folder that holds one."
    )


def _from_cache(
    repo: str, revision: str, settings: Settings, quantizations: Mapping[str, Quantization]
) -> Model:
    """From what the hub's own tools keep on this machine."""
    folder = settings.hub_cache / f"models--{repo.replace('/', '--')}"
    commit = revision if _COMMIT.fullmatch(revision) else _commit(folder / "refs" / revision)
    snapshot = folder / "snapshots" / commit
    if commit and (snapshot / "config.json").is_file():
        page = f"https://huggingface.co/{repo}/tree/{commit}"
        found = Found(page, where=f"read from {snapshot}", repo=repo, revision=commit)
        return model_from_folder(snapshot, repo, found)
    if commit and (sets := gguf_sets(path.name for path in snapshot.glob("*.gguf"))):
        return model_from_gguf_file(snapshot / sets[0].paths[0], quantizations)
    raise OfflineError(
        f"{repo} is not in the catalog, and the network is needed to ask what it is.",
        hint="Allow the network, or give the path of a config.json or a GGUF file.",
    )


def _commit(ref: Path) -> str:
    try:
        text = ref.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if _COMMIT.fullmatch(text) else ""


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", os.sep)) or name.lower().endswith((".gguf", ".json")) or "\\" in name
