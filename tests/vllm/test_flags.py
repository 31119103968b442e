"""Every flag for vLLM, held against vLLM's own parser of the pinned version."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.planner.budget import CACHE
from tests.vllm.environment import Answering
from tests.vllm.plans import Planned, every_plan

pytestmark = pytest.mark.vllm


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        (["--max-model-len", "4096"], ["--max-model-length", "4096"], "unrecognized"),
        (["--dtype", "float16"], ["--dtype", "float17"], "invalid choice"),
        (["--kv-cache-dtype", "fp8"], ["--kv-cache-dtype", "q8_0"], "invalid choice"),
        (["--quantization", "fp8"], ["--quantization", "fp7"], "unknown quantisation"),
        (["--reasoning-parser", "openai_gptoss"], ["--reasoning-parser", "gpt"], "invalid reasoning parser"),
        (
            ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"],
            ["--enable-auto-tool-choice", "--tool-call-parser", "hermit"],
            "invalid tool call parser",
        ),
        (
            ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"],
            ["--enable-auto-tool-choice"],
            "requires --tool-call-parser",
        ),
        (["--limit-mm-per-prompt", '{"image": 1}'], ["--limit-mm-per-prompt", "image=1"], "image=1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_parser_tells_right_from_wrong(
    right: list[str], wrong: list[str], why: str, vllm_parser: Answering
) -> None:
    first, second = vllm_parser(right), vllm_parser(wrong)
    assert first["accepted"], first
    assert not second["accepted"] and why in second["why"]


def test_every_plan_is_understood(catalog: Catalog, vllm_parser: Answering) -> None:
    planned = list(every_plan(catalog))
    for each in planned:
        answer = vllm_parser(each.flags)
        assert answer["accepted"], (each.flags, answer)
        _assert_read(each, answer)
    _assert_varied(planned)


def _assert_read(each: Planned, answer: dict[str, Any]) -> None:
    """What vLLM read is what was planned, and nothing was left to it that was decided."""
    made, support = each.plan, each.model.engines["vllm"]
    assert answer["served_model_name"] == [made.model]
    assert answer["max_model_len"] == made.context
    assert answer["max_num_seqs"] == made.sequences
    assert answer["max_num_batched_tokens"] == made.batch
    # What must see all of a text at once reads none in pieces; its batch holds the longest.
    assert answer["enable_chunked_prefill"] is (None if each.model.reads_whole else True)
    assert answer["runner"] == ("auto" if made.kind == "chat" else "pooling")
    assert not each.model.reads_whole or made.batch >= made.context
    assert answer["tensor_parallel_size"] == made.gpus
    assert answer["kv_cache_dtype"] == ("fp8" if made.cache_type == "fp8" else "auto")
    assert answer["enforce_eager"] == made.eager
    assert answer["trust_remote_code"] == made.remote_code
    assert answer["reasoning_parser"] == (support.reasoning_parser or "")
    assert answer["tool_call_parser"] == support.tool_parser
    assert answer["enable_auto_tool_choice"] == bool(support.tool_parser)
    media = {"image": made.images, "video": 0, "audio": 0} if each.model.sees else {}
    assert answer["limit_mm_per_prompt"] == media
    if made.place == "cpu":
        cache = next((line.size.expected for line in made.budget.lines if line.name == CACHE), None)
        given = answer["kv_cache_memory_bytes"]
        assert given is None if cache is None else 0 <= given - cache < 1
    else:
        assert answer["kv_cache_memory_bytes"] is None
        assert answer["gpu_memory_utilization"] == pytest.approx(made.utilization, abs=0.005)


def _assert_varied(planned: list[Planned]) -> None:
    """The plans differ in all that makes flags differ."""
    counted = Counter(
        what
        for each in planned
        for what in (
            each.plan.place,
            each.weights.quantization,
            each.plan.cache_type,
            f"{each.plan.gpus} cards",
            "remote code" if each.plan.remote_code else "",
            "eager" if each.plan.eager else "",
        )
    )
    wanted = (
        "gpu",
        "unified",
        "cpu",
        "bf16",
        "fp8",
        "awq",
        "mxfp4",
        "f32",
        "2 cards",
        "remote code",
        "eager",
    )
    assert all(counted[what] for what in wanted), counted
    assert counted["fp8"] > 0 and len(planned) > 1000, json.dumps(counted)
