"""By name, how a file is made of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from kanoa_mlops.catalog.types.weights import Recipe
from kanoa_mlops.weights.making.bert import Ingredients, bert_q8_0


def made_by(
    recipe: Recipe, name: str, ingredients: Sequence[bytes], told: Callable[[int], None]
) -> Iterator[bytes]:
    """The file, piece by piece.

    Args:
        name: of the file.
        ingredients: in the recipe's order; of bert-q8_0 config.json, 1_Pooling/config.json, vocab.txt,
            model.safetensors.
        told: of bytes that are done.

    Raises:
        SourceFailed: it cannot be made of these.
    """
    match recipe:
        case "bert-q8_0":
            config, pooling, vocabulary, tensors = ingredients
            title = name.removesuffix(".gguf")
            return bert_q8_0(title, Ingredients(config, pooling, vocabulary, tensors), told)
