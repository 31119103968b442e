"""A BERT computed in 32 bits by nothing but numpy, from the published weights."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_HEAD = 32
"""Numbers of an attention head of MiniLM."""
_erf = np.frompyfunc(math.erf, 1, 1)


class Bert:
    """Vectors of token ids: the mean over the tokens, of length 1."""

    def __init__(self, safetensors: Path) -> None:
        raw = safetensors.read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        self._weights: dict[str, Floats] = {}
        for name, about in json.loads(raw[8:start]).items():
            if name != "__metadata__" and about["dtype"] == "F32":
                begin, end = (start + offset for offset in about["data_offsets"])
                self._weights[name] = np.frombuffer(raw[begin:end], "<f4").reshape(about["shape"])

    def vector(self, ids: Sequence[int]) -> Floats:
        embedded = (
            self._weights["embeddings.word_embeddings.weight"][list(ids)]
            + self._weights["embeddings.position_embeddings.weight"][: len(ids)]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._normed(embedded, "embeddings.LayerNorm")
        layer = 0
        while f"encoder.layer.{layer}.output.dense.weight" in self._weights:
            x = self._layer(x, f"encoder.layer.{layer}.")
            layer += 1
        mean = x.mean(axis=0)
        unit: Floats = mean / np.linalg.norm(mean)
        return unit

    def _layer(self, x: Floats, at: str) -> Floats:
        queries, keys, values = (
            self._linear(x, f"{at}attention.self.{name}").reshape(len(x), -1, _HEAD).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores = queries @ keys.transpose(0, 2, 1) / math.sqrt(_HEAD)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ values).transpose(1, 0, 2).reshape(len(x), -1)
        x = self._normed(
            x + self._linear(seen, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm"
        )
        wide = self._linear(x, f"{at}intermediate.dense")
        wide = 0.5 * wide * (1 + _erf(wide / math.sqrt(2)).astype(np.float32))
        return self._normed(x + self._linear(wide, f"{at}output.dense"), f"{at}output.LayerNorm")

    def _linear(self, x: Floats, name: str) -> Floats:
        result: Floats = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result

    def _normed(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        result: Floats = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return result
