"""kanoa's file of prices, with what it holds of others left as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kanoa_mlops.cli.text_file import read, write
from kanoa_mlops.errors import SettingsError

_PROVIDER = "openai"
"""Under which kanoa looks, also where its backend is called vllm (kanoa 0.6, backends/openai.py)."""
_TIERS = "tiers"
"""Of an entry; kanoa takes what is in it before what is beside it."""


def put_prices(path: Path, prices: Mapping[str, tuple[float, float]]) -> bool:
    """Whether the file had to be changed. All or nothing.

    Args:
        prices: name of a model -> dollars for a million tokens of prompt and of answer.

    Raises:
        SettingsError: it cannot be read or written, or is not what kanoa understands.
    """
    text = read(path)
    document = _document(path, text)
    models = document.setdefault(_PROVIDER, {})
    for name, (prompt, answer) in prices.items():
        before = {key: value for key, value in _entry(path, models, name).items() if key != _TIERS}
        models[name] = before | {"input_price": prompt, "output_price": answer}
    if text and document == json.loads(text):
        return False
    write(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return True


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(
            f"{path} is not JSON: {error}.", hint="kanoa passes over it as it is; mend it, or move it away."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get(_PROVIDER, {}), dict):
        raise _strange(path, _PROVIDER)
    return document


def _entry(path: Path, models: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entry = models.get(name, {})
    if not isinstance(entry, dict):
        raise _strange(path, f"{_PROVIDER}: {name}")
    return entry


def _strange(path: Path, where: str) -> SettingsError:
    return SettingsError(
        f"{path}: {where}: this is no object with prices.", hint="Mend it, or move the file away."
    )
