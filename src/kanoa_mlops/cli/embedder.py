"""Vectors for the commands: by whatever embedding model is served on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.cli.client import get
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.errors import Failure, NothingServed, UserError
from kanoa_mlops.grounding.embedding import HttpEmbedder
from kanoa_mlops.grounding.types import Embedder, Prompts, Space
from kanoa_mlops.settings import Settings

_ALIAS = "embedding"


def served_embedder(settings: Settings, port: int | None, space: Space | None) -> Embedder | None:
    """Into this space, or without one into that of new collections; None where no model for it is served.

    Raises:
        UserError: several servers run and none was named.
        MissingExtra: what asks for vectors is not installed.
    """
    wanted = space.model if space else settings.embedding_model or _ALIAS
    try:
        url = front_door(settings, port)
        served = _models(get(f"{url}/v1/models"))
    except (NothingServed, Failure):
        return None
    model = next((each for each in served if wanted in (each["id"], *_aliases(each))), None)
    if model is None:
        return None
    return HttpEmbedder(f"{url}/v1", model["id"], prompts=prompts_of(settings, model["id"]))


def prompts_of(settings: Settings, model: str) -> Prompts:
    """What the catalog says that this model wants written before a text; nothing where it is not in there."""
    entry = load_catalog(settings.catalog_dir).models.get(model)
    if entry is None or entry.embedding is None:
        return Prompts()
    return Prompts(entry.embedding.query_prompt, entry.embedding.document_prompt)


def how_to_embed(space: Space | None) -> str:
    """The next step for who has no vectors yet."""
    model = space.model if space else "all-minilm-l6-v2"
    return f"`kanoa-mlops serve MODEL {model}` makes it found by meaning too; then add it again."


def _models(answer: bytes) -> Iterable[dict[str, Any]]:
    """
    Raises:
        UserError: it is no list of models.
    """
    try:
        models: list[dict[str, Any]] = json.loads(answer)["data"]
        return [each for each in models if isinstance(each["id"], str)]
    except (ValueError, LookupError, TypeError) as error:
        raise UserError("What answers there is no gateway.", hint="--port names another.") from error


def _aliases(model: dict[str, Any]) -> Iterable[str]:
    about = model.get("kanoa")
    return about.get("aliases", ()) if isinstance(about, dict) else ()
