"""Small checkpoints: configurations of real models with small numbers, most without weights.

A `config.json` of a real model is taken and made small; beside it go SmolLM2's tokenizer, with the tokens
that the model's own has besides, a chat template that puts them where its makers' does, and what its image
processor is told. Without weights vLLM makes up random ones (`--load-format dummy`), so answers are noise;
all else is as it is with the whole model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.vllm.scripted import write_gpt_oss

_CONFIGS = Path(__file__).parents[1] / "fixtures" / "configs"
_FIRST_OWN_TOKEN = 49_152
"""Those of SmolLM2 come before."""
_VOCABULARY = 49_280


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


def _chat(begin: str, end: str, image: str) -> str:
    """A template for messages whose content is text, or parts of which some are images."""
    return (
        "{%- for message in messages -%}"
        f"{{{{ '{begin}' + message['role'] + '\\n' }}}}"
        "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
        "{%- for part in message['content'] -%}"
        "{%- if part['type'] == 'text' -%}{{ part['text'] }}"
        f"{{%- else -%}}{{{{ '{image}' }}}}{{%- endif -%}}"
        "{%- endfor -%}{%- endif -%}"
        f"{{{{ '{end}\\n' }}}}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{ '{begin}assistant\\n' }}}}{{%- endif -%}}"
    )


_HALF = [0.5, 0.5, 0.5]

GEMMA_3 = Shrunken(
    model="gemma-3-12b-it",
    like="medgemma-27b-it",
    config={
        "boi_token_index": 49_152,
        "eoi_token_index": 49_153,
        "image_token_index": 49_154,
        "eos_token_id": [2],
        "mm_tokens_per_image": 16,
        "text_config": {
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
            "sliding_window": 512,
            "query_pre_attn_scalar": 64,
            "vocab_size": _VOCABULARY,
        },
        "vision_config": {
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 112,
        },
    },
    tokens=("<start_of_image>", "<end_of_image>", "<image_soft_token>", *("\n" * n for n in range(1, 5))),
    named={
        "boi_token": "<start_of_image>",
        "eoi_token": "<end_of_image>",
        "image_token": "<image_soft_token>",
    },
    template=_chat("<|im_start|>", "<|im_end|>", "<start_of_image>"),
    files={
        "preprocessor_config.json": {
            "image_processor_type": "Gemma3ImageProcessor",
            "processor_class": "Gemma3Processor",
            "image_seq_length": 16,
            "size": {"height": 112, "width": 112},
            "image_mean": _HALF,
            "image_std": _HALF,
        },
        "processor_config.json": {"processor_class": "Gemma3Processor", "image_seq_length": 16},
    },
)

LLAVA = Shrunken(
    model="llava-1.5-7b",
    like="llava-1.5-7b-hf",
    config={
        "image_token_index": 49_152,
        "pad_token_id": 2,
        "vocab_size": None,
        "text_config": {
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "vocab_size": _VOCABULARY,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        "vision_config": {
            "hidden_size": 64,
            "image_size": 112,
            "intermediate_size": 128,
            "num_attention_heads": 2,
            "num_hidden_layers": 3,
        },
    },
    tokens=("<image>",),
    named={"image_token": "<image>"},
    template=_chat("<|im_start|>", "<|im_end|>", "<image>"),
    files={
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            "processor_class": "LlavaProcessor",
            "crop_size": {"height": 112, "width": 112},
            "size": {"shortest_edge": 112},
        },
        "processor_config.json": {
            "processor_class": "LlavaProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
    },
)

_QWEN_IMAGES = {
    "processor_class": "Qwen3VLProcessor",
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": _HALF,
    "image_std": _HALF,
}

QWEN3_VL = Shrunken(
    model="qwen3-vl-8b-instruct",
    config={
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "dtype": "bfloat16",
        "vision_start_token_id": 49_152,
        "vision_end_token_id": 49_153,
        "image_token_id": 49_154,
        "video_token_id": 49_155,
        "tie_word_embeddings": False,
        "text_config": {
            "model_type": "qwen3_vl_text",
            "dtype": "bfloat16",
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "max_position_embeddings": 262_144,
            "rope_scaling": {
                "mrope_interleaved": True,
                "mrope_section": [12, 10, 10],
                "rope_type": "default",
            },
            "rope_theta": 5_000_000,
            "vocab_size": _VOCABULARY,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        "vision_config": {
            "model_type": "qwen3_vl",
            "depth": 3,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1, 2],
            "out_hidden_size": 128,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
    },
    tokens=("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
    named={"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
    template=_chat("<|im_start|>", "<|im_end|>", "<|vision_start|><|image_pad|><|vision_end|>"),
    files={
        "preprocessor_config.json": _QWEN_IMAGES
        | {
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "size": {"shortest_edge": 65_536, "longest_edge": 524_288},
        },
        "video_preprocessor_config.json": _QWEN_IMAGES
        | {
            "video_processor_type": "Qwen3VLVideoProcessor",
            "size": {"shortest_edge": 4_096, "longest_edge": 524_288},
        },
    },
)

GPT_OSS = Shrunken(
    model="gpt-oss-20b",
    like="gpt-oss-20b",
    config={
        "torch_dtype": "bfloat16",
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "experts_per_token": 2,
    },
    template=_chat("<|im_start|>", "<|im_end|>", ""),
    # vLLM writes and reads its words by a vocabulary of its own; only numbers are asked of this one.
    files={
        "tokenizer.json": {
            "version": "1.0",
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": None,
            "post_processor": None,
            "decoder": None,
            "truncation": None,
            "padding": None,
            "model": {
                "type": "WordLevel",
                "unk_token": "0",
                "vocab": {str(token): token for token in range(201_088)},
            },
        },
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "200002"},
    },
    weights=write_gpt_oss,
)
