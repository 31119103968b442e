"""What an engine says of itself becomes a plan's own numbers."""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.learn import learn, learned_run
from kanoa_mlops.runtime.measured import recall, remember
from kanoa_mlops.runtime.words import parse_paged
from tests.planner.machines import GIB, processor

# Written by llama.cpp b11549 for Gemma 3 270M with one slot of 8192 tokens.
LOG = """\
I load_tensors:          CPU model buffer size =   222.51 MiB
I load_tensors:   CPU_REPACK model buffer size =    12.66 MiB
I llama_context:        CPU  output buffer size =     1.00 MiB
I llama_kv_cache_iswa: creating non-SWA KV cache, size = 8192 cells
I llama_kv_cache: size =   24.00 MiB (  8192 cells,   3 layers,  1/1 seqs), K (f16):   12.00 MiB
I llama_kv_cache_iswa: creating     SWA KV cache, size = 1024 cells
I llama_kv_cache: size =   15.00 MiB (  1024 cells,  15 layers,  1/1 seqs), K (f16):    7.50 MiB
I sched_reserve:        CPU compute buffer size =    27.28 MiB
"""
WISH = Wish(engine="llama.cpp", context=8192, sequences=1)
MIB = 2**20


def test_a_later_plan_of_the_same_case_uses_the_engine_s_words(catalog: Catalog, tmp_path: Path) -> None:
    model, machine = catalog.models["gemma-3-270m"], processor(16 * GIB)
    predicted = plan(model, machine, WISH, catalog)
    learn(predicted, LOG, tmp_path)
    again = plan(model, machine, WISH, catalog, recall(tmp_path))
    sizes = {line.name: line.size.expected / MIB for line in again.budget.lines}
    assert round(sizes["weights"], 2) == round(222.51 + 12.66, 2)
    assert sizes["key-value cache"] == 39
    assert round(sizes["compute buffer"], 2) == 28.28
    weights = next(line for line in again.budget.lines if line.name == "weights")
    assert weights.source.startswith("measured here")
    assert {each.part for each in again.comparisons} == {"weights", "key-value cache", "compute buffer"}
    # The prediction was within a hundredth of what the engine said.
    assert all(abs(each.predicted / each.measured - 1) < 0.01 for each in again.comparisons)


def test_another_case_or_machine_is_still_predicted(catalog: Catalog, tmp_path: Path) -> None:
    model = catalog.models["gemma-3-270m"]
    learn(plan(model, processor(16 * GIB), WISH, catalog), LOG, tmp_path)
    longer = Wish(engine="llama.cpp", context=16384, sequences=1)
    assert not plan(model, processor(16 * GIB), longer, catalog, recall(tmp_path)).comparisons
    assert not plan(model, processor(32 * GIB), WISH, catalog, recall(tmp_path)).comparisons


def test_a_log_that_says_nothing_teaches_nothing(catalog: Catalog, tmp_path: Path) -> None:
    made = plan(catalog.models["gemma-3-270m"], processor(16 * GIB), WISH, catalog)
    learn(made, "main: all is well", tmp_path)
    assert recall(tmp_path) == ()


def test_a_case_is_kept_once_and_a_spoiled_file_is_passed_over(catalog: Catalog, tmp_path: Path) -> None:
    run = learned_run(plan(catalog.models["gemma-3-270m"], processor(16 * GIB), WISH, catalog), LOG)
    assert run is not None
    assert remember(run, tmp_path) == remember(run, tmp_path)
    (tmp_path / "half.json").write_text('{"model": "gemma')
    assert recall(tmp_path) == (run,)


def test_a_folder_that_cannot_be_written_does_not_disturb_serving(catalog: Catalog, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    made = plan(catalog.models["gemma-3-270m"], processor(16 * GIB), WISH, catalog)
    learn(made, LOG, blocked / "measured")
    assert blocked.read_text() == ""


def test_vllm_s_words_are_understood() -> None:
    said = parse_paged(
        "Model loading took 16.65 GiB and 12.3 seconds\nAvailable KV cache memory: 1.1 GiB\n"
        "GPU KV cache size: 50,512 tokens\nGraph capturing finished in 12 secs, took 0.54 GiB"
    )
    assert said.tokens == 50_512
    assert said.model == round(16.65 * GIB)
    assert said.pool == round(1.1 * GIB)
    assert said.graphs == round(0.54 * GIB)
