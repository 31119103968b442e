"""A tokenizer of any size for files that are only loaded: a real one, cut or padded with unused tokens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFReader, GGUFWriter, TokenType

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull

_LENDER = "smollm2-135m-instruct"
"""A small instruct model with a byte-pair tokenizer; its weights are in every developer's cache."""

MARKERS = (
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
    "<image>",
    "<start_of_image>",
    "<end_of_image>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)
"""What projectors put around an image; llama.cpp looks them up while it loads the file."""


@dataclass(frozen=True)
class Tokenizer:
    """Byte-pair encoding, with its special tokens among the first."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    template: str
    bos: int
    eos: int
    padding: int

    def write(self, writer: GGUFWriter, vocabulary: int) -> None:
        """Fill the header's `tokenizer` keys with exactly `vocabulary` tokens."""
        tokens, types = self._fitted(vocabulary)
        known = set(tokens)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        writer.add_token_merges([merge for merge in self.merges if merge.replace(" ", "") in known])
        writer.add_chat_template(self.template)
        writer.add_bos_token_id(self.bos)
        writer.add_eos_token_id(self.eos)
        writer.add_pad_token_id(self.padding)
        writer.add_add_bos_token(False)

    def _fitted(self, vocabulary: int) -> tuple[list[str], list[int]]:
        missing = vocabulary - len(self.tokens)
        markers = MARKERS[: max(missing, 0)]
        fill = [f"<unused{number:05}>" for number in range(max(missing - len(markers), 0))]
        types = [int(TokenType.CONTROL)] * len(markers) + [int(TokenType.UNUSED)] * len(fill)
        return [*self.tokens, *markers, *fill][:vocabulary], (self.types + types)[:vocabulary]


def pull_tokenizer(catalog: Catalog) -> Tokenizer:
    """Of the small model the tests run too; downloads it once a machine."""
    model = catalog.models[_LENDER]
    return read_tokenizer(pull(model.weights[0], model.id, load_settings(), SilentProgress())[0])


def read_tokenizer(path: Path) -> Tokenizer:
    """From a real GGUF with a byte-pair tokenizer and a chat template."""
    reader = GGUFReader(path)

    def value(key: str) -> Any:
        return reader.fields[f"tokenizer.{key}"].contents()

    return Tokenizer(
        pre=value("ggml.pre"),
        tokens=value("ggml.tokens"),
        types=value("ggml.token_type"),
        merges=value("ggml.merges"),
        template=value("chat_template"),
        bos=value("ggml.bos_token_id"),
        eos=value("ggml.eos_token_id"),
        padding=value("ggml.padding_token_id"),
    )
