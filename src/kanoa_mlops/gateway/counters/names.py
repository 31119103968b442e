"""What engines call the things that `EngineCounters` has.

Several names of one thing are those of different versions, the newest first; the first that is there counts.
Seen in the text of vLLM 0.32.0 and llama.cpp b11549 on 2026-11-28 (`tests/fixtures/counters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Names = Mapping[str, tuple[str, ...]]

VLLM: Names = MappingProxyType(
    {
        "running": ("vllm:num_requests_running",),
        "waiting": ("vllm:num_requests_waiting",),
        # Renamed; vllm-project/vllm#29330 took the old name out.
        "kv_cache_usage": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        "prompt_tokens_total": ("vllm:prompt_tokens_total",),
        "generation_tokens_total": ("vllm:generation_tokens_total",),
        "requests_done_total": ("vllm:request_success_total",),
    }
)
LLAMA_CPP: Names = MappingProxyType(
    {
        "running": ("llamacpp:requests_processing",),
        "waiting": ("llamacpp:requests_deferred",),
        # Of older builds; b11549 tells none.
        "kv_cache_usage": ("llamacpp:kv_cache_usage_ratio",),
        "prompt_tokens_total": ("llamacpp:prompt_tokens_total",),
        "generation_tokens_total": ("llamacpp:tokens_predicted_total",),
        "steps_total": ("llamacpp:n_decode_total",),
    }
)
# One of our own: what it read of its engines, or what it counted itself before those that tell nothing.
GATEWAY: Names = MappingProxyType(
    {
        "running": ("kanoa_engine_requests_running", "kanoa_backend_requests_in_flight"),
        "waiting": ("kanoa_queue_length",),
        "kv_cache_usage": ("kanoa_engine_kv_cache_usage_ratio",),
        "prompt_tokens_total": ("kanoa_engine_prompt_tokens_total", "kanoa_prompt_tokens_total"),
        "generation_tokens_total": ("kanoa_engine_generation_tokens_total", "kanoa_completion_tokens_total"),
        "requests_done_total": ("kanoa_engine_requests_done_total",),
        "steps_total": ("kanoa_engine_steps_total",),
    }
)
