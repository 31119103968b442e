"""Where a model's files were found, and what is known of it besides its shape."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from kanoa_mlops.catalog.foreign.refusal import refusal
from kanoa_mlops.catalog.types import Model

_LICENCES = "https://huggingface.co/docs/hub/repositories-licenses"


@dataclass(frozen=True)
class Found:
    url: str
    """A public page: the file itself, or else what describes its format."""
    where: str = ""
    """In words, for the source's note: 'read from /home/me/model.gguf'."""
    checked: datetime.date = field(default_factory=datetime.date.today)
    repo: str = ""
    """On the hub: 'org/name'."""
    revision: str = ""
    """The commit there."""
    path: str = ""
    """On this machine, absolute."""
    licence: str = ""
    """As its publisher calls it."""
    licence_url: str = ""
    gated: bool = False
    instruct: bool = False
    """It comes with a chat template, so it was trained on conversations."""


def build_model(document: dict[str, Any], *, name: str, found: Found, notes: list[str]) -> Model:
    """The catalog's entry for a model, all of whose `source`s are 'files'.

    Raises:
        UnknownArchitecture: what was read makes no sense as a whole.
    """
    whole = {
        "id": _slug(name),
        "title": name.rstrip("/").rpartition("/")[2],
        "summary": "Not in the catalog; what its own files say.",
        "aliases": (found.repo,) if found.repo else (),
        "instruct": found.instruct,
        "licence": {
            "name": found.licence or "not stated",
            "url": found.licence_url or (f"https://huggingface.co/{found.repo}" if found.repo else _LICENCES),
            "gated": found.gated,
            "source": "files",
        },
        "sources": {
            "files": {
                "url": found.url,
                "checked": found.checked,
                "note": "; ".join(filter(None, [found.where, *notes])),
            }
        },
    }
    try:
        return Model.model_validate(whole | document)
    except ValidationError as error:
        first = error.errors()[0]
        field_name = ".".join(str(part) for part in first["loc"])
        raise refusal(name, f"{field_name or 'its numbers'}: {first['msg']}") from error


def _slug(name: str) -> str:
    """'Qwen/Qwen3-8B' -> 'qwen3-8b'."""
    last = name.rstrip("/").rpartition("/")[2].lower()
    return re.sub(r"[^a-z0-9._-]+", "-", last).strip("._-") or "model"
