"""Vectors for the commands: by whatever embedding model is served on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from kanoa_mlops.cli.client import get
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.errors import Failure, NothingServed, UserError
from kanoa_mlops.grounding.embedding import HttpEmbedder
from kanoa_mlops.grounding.types import Embedder, Prompts, Space
from kanoa_mlops.settings import Settings


def served_embedder(settings: Settings, port: int | None, space: Space | None) -> Embedder | None:
    """Into this space, or without one into that of new collections; None where no model for it is served.

    Raises:
        UserError: several servers run and none was named; or what answers there is no gateway.
        MissingExtra: what asks for vectors is not installed.
    """
    wanted = space.model if space else settings.embedding_model
    try:
        url = front_door(settings, port)
        served = _models(get(f"{url}/v1/models"))
    except (NothingServed, Failure):
        return None
    model = next((each for each in served if _is_meant(each, wanted)), None)
    if model is None:
        return None
    vectors = model["kanoa"].get("vectors", {})
    prompts = Prompts(vectors.get("query_prompt", ""), vectors.get("document_prompt", ""))
    return HttpEmbedder(f"{url}/v1", model["id"], prompts=prompts)


def how_to_embed(space: Space | None) -> str:
    """The next step for who has no vectors yet."""
    model = space.model if space else "all-minilm-l6-v2"
    return f"`kanoa-mlops serve MODEL {model}` makes it found by meaning too; then add it again."


def _is_meant(model: dict[str, Any], wanted: str | None) -> bool:
    about = model["kanoa"]
    if about.get("kind") != "embedding":
        return False
    return wanted is None or wanted in (model["id"], *about.get("aliases", ()))


def _models(answer: bytes) -> Iterable[dict[str, Any]]:
    """
    Raises:
        UserError: it is no list of a gateway's models.
    """
    try:
        models: list[dict[str, Any]] = json.loads(answer)["data"]
        return [each for each in models if isinstance(each["id"], str) and each["kanoa"].keys()]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError("What answers there is no gateway.", hint="--port names another.") from error
