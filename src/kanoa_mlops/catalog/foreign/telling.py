"""Keys of a configuration that change what a model holds in memory.

A family that understands one says so. Elsewhere they mean that the model is not what its type says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_LATENT = "attention keeps a compressed state in place of keys and values"
_RECURRENT = "layers keep a state of fixed size in place of keys and values"
_MIXED = "layers of another kind stand between those with attention"
_SHARED = "layers use the keys and values of others"
_UNEVEN = "layers differ in the size of their keys and values"
_EXPERTS = "layers hold a mixture of experts"
_MEANINGS = {
    "attention_chunk_size": "layers attend within chunks",
    "attn_layer_period": _MIXED,
    "block_types": _MIXED,
    "conv_L_cache": _RECURRENT,
    "cross_attention_layers": "layers attend to something beside the prompt",
    "full_attention_interval": _MIXED,
    "global_head_dim": _UNEVEN,
    "hybrid_override_pattern": _MIXED,
    "index_topk": "attention keeps an index beside its keys and values",
    "is_encoder_decoder": "an encoder stands before the language model",
    "kv_lora_rank": _LATENT,
    "layers_block_type": _MIXED,
    "linear_num_value_heads": _RECURRENT,
    "lru_width": _RECURRENT,
    "mamba_d_state": _RECURRENT,
    "n_routed_experts": _EXPERTS,
    "n_shared_experts": _EXPERTS,
    "num_experts": _EXPERTS,
    "num_global_key_value_heads": _UNEVEN,
    "num_kv_shared_layers": _SHARED,
    "num_local_experts": _EXPERTS,
    "num_nextn_predict_layers": "layers that predict further tokens come on top",
    "per_layer_config": _UNEVEN,
    "ssm_cfg": _RECURRENT,
    "ssm_state_size": _RECURRENT,
    "state_size": _RECURRENT,
    "time_mix_extra_dim": _RECURRENT,
}


def telling(config: Mapping[str, Any], expected: Iterable[str] = ()) -> str:
    """What the first such key that is set and not expected says, in words; '' where there is none."""
    for key in sorted(_MEANINGS.keys() - set(expected)):
        if config.get(key):
            value = repr(config[key])
            return f"{key} is {value if len(value) <= 40 else value[:37] + '...'}: {_MEANINGS[key]}"
    return ""
