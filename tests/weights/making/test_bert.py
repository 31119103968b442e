"""The made file, in the real engine, against the published weights; and what is no such model."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader

from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.weights.making.recipes import made_by
from tests.conftest import real_engine
from tests.weights.making.bert import Bert

# As huggingface/tokenizers cuts them by the tokenizer.json of the package, 2026-11-28.
TOKENS = {
    "The weather is lovely today.": 8,
    "Thermal conductivity of copper: 401 W/(m·K) at 300 K": 19,
    "naïve café, Übergröße, 東京タワー, emoji 😀!": 21,
    "def f(x): return x**2  # square": 15,
    "a": 3,
    "CO₂ emissions (kt) 1990\u20132020": 11,
    "İstanbul ǅ ﬁne\u00a0space\ttab\nnewline": 10,
    " ".join(["reinforced concrete beam deflection"] * 60): 362,
}


@pytest.fixture(scope="module")
def engine(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp with the made file; its address."""
    flags = ("--embeddings", "--pooling", "mean", "--ctx-size", "1024")
    with real_engine(made, tmp_path_factory.mktemp("engine"), *flags, alias="m") as url:
        yield url


def ask(url: str, path: str, **fields: Any) -> Any:
    request = urllib.request.Request(
        url + path, json.dumps(fields).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def tokens(url: str, text: str) -> Sequence[int]:
    found: Sequence[int] = ask(url, "/tokenize", content=text, add_special=True)["tokens"]
    return found


def test_texts_are_cut_as_the_models_own_tokenizer_cuts_them(engine: str) -> None:
    assert {text: len(tokens(engine, text)) for text in TOKENS} == TOKENS


def test_vectors_are_those_of_the_published_weights(engine: str, safetensors: Path) -> None:
    bert = Bert(safetensors)
    answer = ask(engine, "/v1/embeddings", input=list(TOKENS), encoding_format="base64")
    for text, each in zip(TOKENS, answer["data"], strict=True):
        vector = np.frombuffer(base64.b64decode(each["embedding"]), "<f4")
        assert vector @ bert.vector(tokens(engine, text)) > 0.999, text


def test_the_gguf_package_reads_it(made: Path) -> None:
    reader = GGUFReader(made)
    assert reader.fields["general.architecture"].contents() == "bert"
    assert reader.fields["bert.attention.causal"].contents() is False
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 30_522
    shapes = {tensor.name: tuple(tensor.shape) for tensor in reader.tensors}
    assert len(shapes) == 101
    assert shapes["blk.5.ffn_up.weight"] == (384, 1536)
    assert {tensor.tensor_type.name for tensor in reader.tensors} == {"F32", "Q8_0"}


@pytest.mark.parametrize("spoiled", range(4))
def test_other_files_are_refused(spoiled: int) -> None:
    ingredients = [b"{}", b"{}", b"[PAD]\n", b"\0" * 8]
    ingredients[spoiled] = b"\xff no json"
    with pytest.raises(SourceFailed, match="is not the BERT"):
        list(made_by("bert-q8_0", "x.gguf", ingredients, lambda count: None))
