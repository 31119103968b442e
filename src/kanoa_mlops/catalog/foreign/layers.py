"""Which layers attend to what."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kanoa_mlops.catalog.foreign.family import AttentionRule
from kanoa_mlops.catalog.foreign.reading import Reading
from kanoa_mlops.catalog.foreign.refusal import refusal

_KINDS = {"full_attention": "full", "sliding_attention": "sliding"}


def attention_groups(config: Reading, rule: AttentionRule) -> list[dict[str, Any]]:
    """As an entry of the catalog writes them, those within a window first.

    Raises:
        UnknownArchitecture: a layer keeps something else than keys and values.
    """
    kinds = Counter(_kinds(config, rule))
    heads = {"kv_heads": config.count("kv_heads"), "head_dim": config.count("head_dim")}
    groups: list[dict[str, Any]] = []
    for kind in ("sliding", "full", "cross"):
        if kinds[kind]:
            groups.append({"kind": kind, "layers": kinds[kind], **heads})
    if kinds["sliding"]:
        groups[0]["window"] = f"{config.count('window')} tokens"
    return groups


def _kinds(config: Reading, rule: AttentionRule) -> list[str]:
    layers = config.layers()
    if listed := config.get("layer_types"):
        kinds = _listed(config, listed, layers)
    else:
        kinds = _by_rule(config, rule, layers)
    for layer in config.layer_numbers("cross_attention_layers"):
        kinds[layer] = "cross"
    return kinds


def _listed(config: Reading, listed: object, layers: int) -> list[str]:
    if not isinstance(listed, list) or len(listed) != layers:
        raise refusal(config.where, f"layer_types should list {layers} layers")
    strange = sorted({str(each) for each in listed} - set(_KINDS))
    if strange:
        raise refusal(
            config.where,
            f"layer_types holds {', '.join(strange)}: what such a layer keeps of a context is not understood",
        )
    return [_KINDS[each] for each in listed]


def _by_rule(config: Reading, rule: AttentionRule, layers: int) -> list[str]:
    if rule.rule == "full" or not _has_window(config, rule):
        return ["full"] * layers
    if rule.rule == "window":
        return ["sliding"] * layers
    if rule.rule == "after":
        first = int(config.number(rule.first or ""))
        return ["sliding" if layer >= first else "full" for layer in range(layers)]
    period = _period(config, rule)
    return ["full" if (layer + 1) % period == 0 else "sliding" for layer in range(layers)]


def _has_window(config: Reading, rule: AttentionRule) -> bool:
    if rule.switch and not config.flag(rule.switch):
        return False
    return bool(config.get("window"))


def _period(config: Reading, rule: AttentionRule) -> int:
    if isinstance(rule.period, str) and config.get(rule.period) is not None:
        return config.count(rule.period)
    period = rule.period if isinstance(rule.period, int) else rule.default_period
    assert period, "a rule 'every' has a period"
    return period
