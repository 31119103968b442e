"""Cases on which other planners are wrong."""

from __future__ import annotations

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.planner.budget import MemoryLine, Verdict
from kanoa_mlops.planner.cache import vllm_cache_bytes
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from tests.planner.machines import GIB, desktop, processor, shared


def line(made: Plan, name: str) -> MemoryLine:
    return next(each for each in made.budget.lines if each.name == name)


def test_gemma_3_heads_are_256_wide_not_hidden_over_heads(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-12b-it"]
    assert {group.head_dim for group in model.architecture.attention} == {256}
    assert model.architecture.hidden_size // model.architecture.heads == 240
    # 2 x 8 heads x 256 x 2 bytes x 8 full layers
    grown = vllm_cache_bytes(model, 131072, "f16", 2048) - vllm_cache_bytes(model, 65536, "f16", 2048)
    assert grown / 65536 == 65_536


def test_molmo_is_published_in_32_bits_and_held_in_16(catalog: Catalog) -> None:
    model = catalog.models["molmo-7b-d"]
    assert model.architecture.dtype == "F32"
    download = next(each for each in model.weights if each.name == "bf16").size
    made = plan(model, desktop(23.5 * GIB), Wish(engine="vllm", weights="bf16"), catalog)
    held = line(made, "weights").size.expected + line(made, "vision tower").size.expected
    assert download is not None
    assert 1.95 < download / held < 2.05
    assert made.verdict is Verdict.FITS


def test_molmo_in_16_bits_is_too_large_for_16_gigabytes(catalog: Catalog) -> None:
    wish = Wish(engine="vllm", weights="bf16")
    made = plan(catalog.models["molmo-7b-d"], desktop(15.47 * GIB), wish, catalog)
    assert made.verdict is Verdict.NO
    assert any("bnb4" in change.flags or "fp8" in change.flags for change in made.changes)


def test_llama_vision_at_256_sequences_does_not_start_on_80_gigabytes(catalog: Catalog) -> None:
    model = catalog.models["llama-3.2-11b-vision-instruct"]
    many = Wish(engine="vllm", weights="bf16", sequences=256, context=131072)
    few = Wish(engine="vllm", weights="bf16", sequences=32, context=131072, eager=True)
    assert plan(model, desktop(79.25 * GIB), many, catalog).verdict is Verdict.NO
    assert plan(model, desktop(79.25 * GIB), few, catalog).fits


def test_gpt_oss_120b_on_one_80_gigabyte_card_fails_with_the_card_s_defaults(catalog: Catalog) -> None:
    model, card = catalog.models["gpt-oss-120b"], desktop(79.19 * GIB)
    default = Wish(engine="vllm", sequences=1024, batch=8192, context=131072)
    made = plan(model, card, default, catalog)
    assert made.verdict is Verdict.NO
    assert any(change.flags.startswith("--parallel") for change in made.changes)
    assert plan(model, card, Wish(engine="vllm", sequences=16, context=32768), catalog).fits


def test_qwen3_vl_default_context_would_fill_unified_memory(catalog: Catalog) -> None:
    model, jetson = catalog.models["qwen3-vl-32b-instruct"], shared(122.8 * GIB, free=118 * GIB)
    whole = plan(model, jetson, Wish(engine="llama.cpp", context=262144), catalog)
    assert line(whole, "key-value cache").size.expected == 64 * GIB * whole.sequences
    chosen = plan(model, jetson, Wish(engine="llama.cpp"), catalog)
    assert chosen.context <= 32768
    assert any("default would be 262144 tokens" in warning for warning in chosen.warnings)


def test_gemma_3_12b_in_16_bits_does_not_fit_24_gigabytes_and_the_plan_says_what_does(
    catalog: Catalog,
) -> None:
    model, machine = catalog.models["gemma-3-12b-it"], desktop(23.5 * GIB)
    made = plan(model, machine, Wish(engine="vllm", weights="bf16"), catalog)
    assert made.verdict is Verdict.NO
    assert line(made, "weights").size.expected + line(made, "vision tower").size.expected > 22.5 * GIB
    change = made.changes[0]
    assert change.flags.startswith("--weights ")
    assert change.need.high <= change.capacity
    again = plan(model, machine, Wish(engine="vllm", weights=change.flags.split()[1]), catalog)
    assert again.verdict is Verdict.FITS


def test_unified_memory_counts_what_is_available_not_what_is_free_of_cache(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-27b-it"]
    full, idle = shared(61 * GIB, free=9 * GIB), shared(61 * GIB, free=55 * GIB)
    wish = Wish(engine="llama.cpp", weights="q4_k_m")
    assert plan(model, full, wish, catalog).verdict is Verdict.NO
    assert plan(model, idle, wish, catalog).verdict is Verdict.FITS


def test_a_mac_s_working_set_is_less_than_its_memory(catalog: Catalog) -> None:
    mac = machine_of(catalog.platforms["mac-m4-24"])
    assert mac.accelerators[0].memory_total < 0.7 * mac.memory_total
    made = plan(catalog.models["gemma-3-27b-it"], mac, Wish(weights="q4_k_m"), catalog)
    assert made.verdict is Verdict.NO


def test_the_first_of_a_family_that_fits_is_offered(catalog: Catalog) -> None:
    made = plan(catalog.models["gemma-3-27b-it"], processor(6 * GIB), Wish(engine="llama.cpp"), catalog)
    assert made.verdict is Verdict.NO
    assert any(change.flags == "gemma-3-4b-it" for change in made.changes)


def test_a_model_too_large_for_home_is_offered_where_it_is_hosted(catalog: Catalog) -> None:
    made = plan(catalog.models["gpt-oss-120b"], processor(16 * GIB), Wish(), catalog)
    assert made.verdict is Verdict.NO
    assert any("hosted" in change.what for change in made.changes)
