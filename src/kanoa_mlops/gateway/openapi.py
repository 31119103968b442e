"""The gateway's own description, as OpenAPI 3.1. It is data, in openapi.yaml beside this."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """The document without the gateway's version; not to be changed. Read once, when first asked for."""
    text = (resources.files("kanoa_mlops.gateway") / "openapi.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=_Loader)
    return document


def described(version: str) -> dict[str, Any]:
    """The same for a gateway of that version."""
    document = description()
    return {**document, "info": {**document["info"], "version": version}}
