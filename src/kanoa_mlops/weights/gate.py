"""The way to a model's weights past its licence: asked before anything is fetched, told as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.errors import AccessRefused
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.access import is_public, require_access
from kanoa_mlops.weights.patience import Patience
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.pull import pull
from kanoa_mlops.weights.store import on_disk
from kanoa_mlops.weights.web import Web

_PATIENCE = Patience()
QUESTION = Patience(connect_seconds=5, stall_seconds=10, tries=1)
"""What is asked before a decision is not waited for long."""


def fetch(
    model: Model, weights: Weights, settings: Settings, progress: Progress, patience: Patience = _PATIENCE
) -> tuple[Path, ...]:
    """The verified files of weights of this model, fetched where they are missing; see `pull`.

    Raises:
        AccessRefused: before anything was fetched, with the pages to go to, and with weights of the same
            model that ask for nothing.
        KanoaError: as `pull` does.
    """
    web = Web(settings.certificates, QUESTION)
    try:
        if model.licence.gated and not settings.offline and not _here(model, weights, settings):
            require_access(only_from(weights), settings, web)
        code = any(support.remote_code for support in model.engines.values())
        return pull(weights, model.id, settings, progress, patience, code=code)
    except AccessRefused as error:
        raise AccessRefused(
            f"{model.id} {weights.name} cannot be had: {error.message}",
            hint="\n".join(_steps(error, model, weights, settings, web)),
            gated=error.gated,
        ) from error


def only_from(weights: Weights) -> list[str]:
    """Repositories of the hub that these weights cannot be had without."""
    listed = [file.repo or weights.hub.repo for file in weights.hub.files] if weights.hub else []
    whole = [weights.hub.repo] if weights.hub and not listed else []
    known = [
        origin.hub.repo
        for file in weights.files
        for origin in file.origins
        if origin.hub and len(file.origins) == 1
    ]
    return list(dict.fromkeys([*listed, *whole, *known]))


def _here(model: Model, weights: Weights, settings: Settings) -> bool:
    return any(held.complete and held.weights == weights.name for held in on_disk([model], settings))


def _steps(
    error: AccessRefused, model: Model, weights: Weights, settings: Settings, web: Web
) -> Iterator[str]:
    if error.gated and model.licence.gated:
        yield f"Its licence ({model.licence.name}): {model.licence.url}"
    yield error.hint
    # With a token that it does not know, the hub gives nothing at all.
    if error.gated and (others := list(_open_to_all(model, weights, settings, web))):
        yield f"Without asking anybody: --weights {' or '.join(others)}."


def _open_to_all(model: Model, weights: Weights, settings: Settings, web: Web) -> Iterator[str]:
    """Other weights of the model that nobody has to be asked for; of the hub's, what the hub itself says."""
    public: dict[str, bool] = {}
    for other in model.weights:
        repos = only_from(other)
        if other.tag:
            yield f"{other.name} (Ollama's {other.tag})"
        elif repos and other is not weights:
            for repo in repos:
                public.setdefault(repo, is_public(repo, settings, web))
            if all(public[repo] for repo in repos):
                yield f"{other.name} ({repos[0]})"
