"""The architectures of the mission, made small."""

from __future__ import annotations

from pathlib import Path

from tests.vllm.scripted import write_gpt_oss
from tests.vllm.shrunken import Shrunken

_VOCABULARY = 49_280
"""SmolLM2's, and some more."""


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

MOLMO = Shrunken(
    model="molmo-7b-d",
    like="molmo-7b-d-nf4",
    config={
        "auto_map": {"AutoConfig": "config_molmo.MolmoConfig"},
        "quantization_config": None,
        "torch_dtype": "float32",
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": _VOCABULARY,
        "embedding_size": _VOCABULARY,
    },
    tokens=("<im_patch>", "<im_start>", "<im_end>", "<im_col>", "<|image|>"),
    # Its images go before the first word, wherever they stood.
    template=_chat("<|im_start|>", "<|im_end|>", ""),
    files={
        "preprocessor_config.json": {
            "auto_map": {
                "AutoImageProcessor": "preprocessing_molmo.MolmoImageProcessor",
                "AutoProcessor": "preprocessing_molmo.MolmoProcessor",
            },
            "image_processor_type": "MolmoImageProcessor",
            "processor_class": "MolmoProcessor",
            "base_image_input_size": [336, 336],
            "image_patch_size": 14,
            "image_token_length_h": 12,
            "image_token_length_w": 12,
            "max_crops": 1,
            "overlap_margins": [4, 4],
        },
    },
    code=Path(__file__).with_name("molmo_code"),
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
