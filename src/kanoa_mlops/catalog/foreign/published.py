"""How the weights beside a config.json are quantised."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from kanoa_mlops.catalog.foreign.refusal import refusal

_PLAIN = {"BF16": "bf16", "F16": "f16", "F32": "f32"}


def quantization_id(config: Mapping[str, Any], dtype: str, where: str) -> str:
    """The catalog's id of it; `dtype` is that of unquantised tensors.

    Raises:
        UnknownArchitecture: it is of a kind that the catalog has no entry for.
    """
    if "quantization" in config:
        raise refusal(where, "its weights are quantised for MLX, which no engine here reads")
    given = config.get("quantization_config", config.get("compression_config"))
    if not given:
        return _PLAIN[dtype]
    if not isinstance(given, Mapping):
        raise refusal(where, "quantization_config should be a mapping")
    for rule in _rules():
        if all(_agrees(given, path.split("."), value) for path, value in rule.items() if path != "is"):
            return str(rule["is"])
    raise refusal(where, f"quantization_config describes {_describe(given)}, which is not in the catalog")


def _agrees(values: Any, path: list[str], expected: object) -> bool:
    if not path:
        return bool(values == expected)
    if not isinstance(values, Mapping):
        return False
    first, *rest = path
    if first == "*":
        return bool(values) and all(_agrees(each, rest, expected) for each in values.values())
    return first in values and _agrees(values[first], rest, expected)


def _describe(given: Mapping[str, Any]) -> str:
    """'gptq with bits 8': what a person would need to know."""
    telling = ("quant_algo", "format", "bits", "w_bit", "load_in_8bit", "group_size")
    facts = [f"{key} {given[key]}" for key in telling if isinstance(given.get(key), str | int)]
    method = str(given.get("quant_method", "no method by name"))[:40]
    return f"{method} with {', '.join(facts)}"[:120] if facts else method


@cache
def _rules() -> tuple[dict[str, Any], ...]:
    file = resources.files("kanoa_mlops.catalog.foreign") / "published_quantizations.yaml"
    return tuple(yaml.safe_load(file.read_text(encoding="utf-8")))
