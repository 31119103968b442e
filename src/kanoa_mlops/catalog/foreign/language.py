"""The language model's numbers, from its part of a configuration."""

from __future__ import annotations

from typing import Any

from kanoa_mlops.catalog.foreign.family import Language
from kanoa_mlops.catalog.foreign.layers import attention_groups
from kanoa_mlops.catalog.foreign.reading import Reading


def architecture(config: Reading, family: Language) -> dict[str, Any]:
    """As an entry of the catalog writes it; parameters, dtype, classes and source are left to the caller.

    Raises:
        UnknownArchitecture: a number is missing or means something that is not understood.
    """
    document: dict[str, Any] = {
        "name": family.architecture,
        "layers": config.count("layers"),
        "hidden_size": config.count("hidden_size"),
        "feed_forward_size": config.count("feed_forward_size"),
        "heads": config.count("heads"),
        "vocabulary": config.count("vocabulary"),
        "tied_embeddings": config.flag("tied"),
        "context": f"{_context(config)} tokens",
        "attention": attention_groups(config, family.attention),
    }
    if family.experts:
        document["experts"] = {
            "count": config.count(family.experts.count),
            "used": config.count(family.experts.used),
            "feed_forward_size": config.count(family.experts.feed_forward_size),
        }
        document["feed_forward_size"] = config.count(family.experts.feed_forward_size)
    return document


def parameters(config: Reading, family: Language) -> int:
    """The sum of its tensors' elements, by their shapes."""
    layers = config.layers()
    cross = len(config.layer_numbers("cross_attention_layers"))
    return (
        (layers - cross) * config.evaluate(*family.layer, *family.expert)
        + (cross * config.evaluate(*family.cross) if cross else 0)
        + config.evaluate(family.embedding, *family.rest)
        + (0 if config.flag("tied") else config.evaluate(family.output))
    )


def _context(config: Reading) -> int:
    """The longest the model was trained for; YaRN is told as a factor on top of an older, shorter one."""
    context = config.count("context")
    for key in ("rope_scaling", "rope_parameters"):
        scaling = config.get(key)
        if isinstance(scaling, dict) and scaling.get("rope_type", scaling.get("type")) == "yarn":
            before, factor = scaling.get("original_max_position_embeddings"), scaling.get("factor")
            if isinstance(before, int) and isinstance(factor, int | float) and 1 <= factor <= 2**20:
                context = max(context, round(before * factor))
    return context
