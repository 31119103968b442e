"""Texts of real engines, of older versions, and what is none of an engine's."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable
from kanoa_mlops.gateway.counters.dialect import Dialect, dialect_of, engine_name
from kanoa_mlops.gateway.counters.exposition import read_exposition
from kanoa_mlops.gateway.counters.names import LLAMA_CPP, VLLM
from tests.gateway.counters.recorded import recorded


def dialect(engine: str) -> Dialect:
    found = dialect_of(engine)
    assert found is not None
    return found


def read(engine: str, text: str, model: str = "") -> EngineCounters | Unreadable:
    return dialect(engine).read(text, model)


@pytest.mark.parametrize(
    ("engine", "file", "counters"),
    [
        ("vllm 0.32.0", "vllm-0.32.0-first-piece.txt", EngineCounters(0, 0, 0, 0, 0, 0)),
        ("vllm", "vllm-0.32.0-prefill.txt", EngineCounters(1, 0, 0.014814814814814836, 0, 0, 0)),
        ("vLLM", "vllm-0.32.0-after.txt", EngineCounters(0, 0, 0, 2320, 60, 1)),
        (
            "llama.cpp b11549",
            "llama.cpp-b11549-answering.txt",
            EngineCounters(1, 0, None, 7926, 169, None, steps_total=184),
        ),
    ],
)
def test_real_texts(engine: str, file: str, counters: EngineCounters) -> None:
    assert read(engine, recorded(file)) == counters


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("vLLM 0.32.0", "vllm"),
        ("vllm-0.32.0", "vllm"),
        ("vllm/v0.32.0", "vllm"),
        ("ollama:latest", "ollama"),
        ("llama.cpp_b11549", "llama.cpp"),
        ("llama.cpp@b11549", "llama.cpp"),
        ("kanoa-mlops 2.1", "kanoa-mlops"),
        ("llama.cpp-server", "llama.cpp-server"),
        ("vllm-ascend 0.18", "vllm-ascend"),
    ],
)
def test_an_engine_is_the_same_in_every_version(written: str, name: str) -> None:
    assert engine_name(written) == name
    assert dialect_of(written) is dialect_of(name)


def test_a_prompt_that_is_read_moves_the_share_of_the_cache_alone() -> None:
    first, later = (read("vllm", recorded(f"vllm-0.32.0-{each}.txt")) for each in ("first-piece", "prefill"))
    assert isinstance(first, EngineCounters) and isinstance(later, EngineCounters)
    assert later.kv_cache_usage != first.kv_cache_usage
    assert (later.prompt_tokens_total, later.generation_tokens_total) == (0, 0)


def test_names_of_older_versions() -> None:
    old = 'vllm:num_requests_running{model_name="m"} 2\nvllm:gpu_cache_usage_perc{model_name="m"} 0.83\n'
    assert read("vllm", old) == EngineCounters(running=2, kv_cache_usage=0.83)
    old = "llamacpp:kv_cache_usage_ratio 0.5\nllamacpp:kv_cache_tokens 1234\nllamacpp:n_decode_total 30\n"
    assert read("llama.cpp b3000", old) == EngineCounters(kv_cache_usage=0.5, steps_total=30)


def test_where_both_names_are_told_the_newer_counts() -> None:
    both = 'vllm:gpu_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="0"} 0.3\n'
    assert read("vllm", both) == EngineCounters(kv_cache_usage=0.3)


def test_parts_of_an_engine_are_added_up_and_the_fullest_cache_counts() -> None:
    text = (
        'vllm:num_requests_running{engine="0",model_name="a\\"b"} 2.0\n'
        'vllm:num_requests_running{engine="1",model_name="a\\"b"} 3.0 1795858488\n'
        'vllm:kv_cache_usage_perc{engine="0"} 0.25\nvllm:kv_cache_usage_perc{engine="1"} 7.5e-01\n'
    )
    assert read("vllm", text) == EngineCounters(running=5, kv_cache_usage=0.75)


def test_lines_of_other_names_are_not_looked_at() -> None:
    others = "what{ is this\n# TYPE nonsense\n\x00\nvllm:num_requests_waiting_by_reason x\n"
    text = f"{others}vllm:num_requests_waiting 4\n{others}"
    assert read("vllm", text) == EngineCounters(waiting=4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it has none of the counters that are known of this engine"),
        ("<html><h1>Not found</h1></html>", "it has none of the counters that are known of this engine"),
        ("llamacpp:requests_processing 1", "it has none of the counters that are known of this engine"),
        ("vllm:num_requests_running{model 1", "a line is not Prometheus' text format: "),
        ("vllm:num_requests_running many", "a line is not Prometheus' text format: "),
        ("vllm:num_requests_running", "a line is not Prometheus' text format: "),
        ("vllm:num_requests_running NaN", "running is said to be nan"),
        ("vllm:num_requests_running -1", "running is said to be -1"),
        ("vllm:prompt_tokens_total +Inf", "prompt_tokens_total is said to be inf"),
        ("vllm:kv_cache_usage_perc 42", "kv_cache_usage is said to be 42"),
    ],
)
def test_what_is_not_its_text_is_said(text: str, reason: str) -> None:
    told = read("vllm", text)
    assert isinstance(told, Unreadable)
    assert told.reason.startswith(reason)


_WANTED = sorted(name for names in (VLLM, LLAMA_CPP) for each in names.values() for name in each)
_lines = st.builds(
    "{}{}".format,
    st.sampled_from([*_WANTED, "else"]),
    st.text(st.sampled_from('{}"=, \\n0123456789.eE+-NaInfx#\t\r'), max_size=24) | st.text(max_size=12),
)


@given(st.lists(_lines).map("\n".join) | st.text())
@example('vllm:num_requests_running{a="b')
@example("vllm:num_requests_running{} {")
def test_nothing_that_is_told_is_an_exception(text: str) -> None:
    for names in (VLLM, LLAMA_CPP):
        told = read_exposition(text, names)
        assert isinstance(told, Unreadable) or all(
            value is None or value >= 0 for value in vars(told).values()
        )


_json: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["models", "model", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(_json.map(json.dumps) | st.text())
@example("[" * 100_000)
def test_nothing_that_ollama_tells_is_an_exception(text: str) -> None:
    assert read("ollama", text, "gemma3") in (
        EngineCounters(),
        EngineCounters(running=0),
        Unreadable("it is not a list of loaded models"),
    )


@pytest.mark.parametrize("model", ["gemma3", "gemma3:latest"])
def test_of_a_model_that_ollama_has_loaded_nothing_is_known(model: str) -> None:
    assert read("ollama", recorded("ollama-ps.json"), model) == EngineCounters()


def test_a_model_that_ollama_has_not_loaded_runs_nothing() -> None:
    assert read("ollama", recorded("ollama-ps.json"), "gemma3:12b") == EngineCounters(running=0)
    assert read("ollama", '{"models": []}', "gemma3") == EngineCounters(running=0)


def test_engines_are_known_by_name_with_or_without_their_version() -> None:
    assert dialect("llama.cpp").path == dialect("llama.cpp b11549").path == "/metrics"
    assert dialect("ollama 0.40").path == "/api/ps"
    assert dialect_of("tgi 3.0") is None


def test_of_a_gateway_only_the_model_that_is_asked_for_counts() -> None:
    text = (
        'kanoa_engine_prompt_tokens_total{backend="a",engine="vllm",model="one"} 3.0\n'
        'kanoa_engine_prompt_tokens_total{backend="a-2",engine="vllm",model="one"} 4.0\n'
        'kanoa_engine_prompt_tokens_total{backend="b",engine="vllm",model="other"} 100.0\n'
        'kanoa_prompt_tokens_total{model="one"} 5.0\n'
        'kanoa_queue_length{model="one"} 2.0\n'
    )
    assert read("kanoa-mlops", text, "one") == EngineCounters(waiting=2, prompt_tokens_total=7)
    assert isinstance(read("kanoa-mlops", text, "nobody"), Unreadable)


def test_of_one_whose_engines_tell_nothing_its_own_count() -> None:
    text = 'kanoa_prompt_tokens_total{model="one"} 5.0\nkanoa_completion_tokens_total{model="one"} 6.0\n'
    expected = EngineCounters(prompt_tokens_total=5, generation_tokens_total=6)
    assert read("kanoa-mlops 1.0", text, "one") == expected
