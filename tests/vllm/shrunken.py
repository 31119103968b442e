"""Small checkpoints: configurations of real models with small numbers, most without weights.

A `config.json` of a real model is taken and made small; beside it go SmolLM2's tokenizer, with the tokens
that the model's own has besides, a chat template that puts them where its makers' does, and what its image
processor is told. Without weights vLLM makes up random ones (`--load-format dummy`), so answers are noise;
all else is as it is with the whole model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CONFIGS = Path(__file__).parents[1] / "fixtures" / "configs"
_FIRST_OWN_TOKEN = 49_152
"""Those of SmolLM2 come before."""


@dataclass(frozen=True)
class Shrunken:
    """One architecture."""

    model: str
    """Of the catalog, that it stands for."""
    config: dict[str, Any]
    template: str
    like: str = ""
    """The real configuration whose values are kept where `config` has none; '' where it is written whole."""
    tokens: tuple[str, ...] = ()
    """With ids from `_FIRST_OWN_TOKEN` on."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Tokens that the processor knows by an attribute of the tokenizer."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON files, by name."""
    code: Path | None = None
    """A folder whose Python files go beside them."""
    weights: Callable[[Path, dict[str, Any]], None] | None = None
    """Writes them into a folder, for a configuration; None where there are none."""

    @property
    def flags(self) -> tuple[str, ...]:
        """For vLLM, beside those of a plan."""
        return () if self.weights else ("--load-format", "dummy")

    def write(self, folder: Path, tokenizer: Path) -> Path:
        """
        Args:
            tokenizer: a folder that has SmolLM2's.
        """
        folder.mkdir()
        like = json.loads((_CONFIGS / f"{self.like}.json").read_text()) if self.like else {}
        documents = {
            "config.json": (config := _merged(like, self.config)),
            "tokenizer.json": self._tokenizer(json.loads((tokenizer / "tokenizer.json").read_text())),
            "tokenizer_config.json": json.loads((tokenizer / "tokenizer_config.json").read_text())
            | {"extra_special_tokens": dict(self.named)},
            **self.files,
        }
        for name, document in documents.items():
            (folder / name).write_text(json.dumps(document))
        (folder / "chat_template.jinja").write_text(self.template)
        for source in self.code.glob("*.py") if self.code else ():
            shutil.copy(source, folder)
        if self.weights:
            self.weights(folder, config)
        return folder

    def _tokenizer(self, document: dict[str, Any]) -> dict[str, Any]:
        known = document["added_tokens"]
        for number, token in enumerate(self.tokens, _FIRST_OWN_TOKEN):
            known.append(known[0] | {"id": number, "content": token})
        return document


def _merged(like: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A value of None takes away."""
    merged = dict(like)
    for key, value in own.items():
        if value is None:
            merged.pop(key, None)
        else:
            deep = isinstance(value, dict) and isinstance(like.get(key), dict)
            merged[key] = _merged(like[key], value) if deep else value
    return merged
