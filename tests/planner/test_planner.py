import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import DoesNotFit, UserError
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from tests.planner.machines import GIB, desktop, processor

SMALL = "smollm2-135m-instruct"
LLAMA = Wish(engine="llama.cpp")


def small(catalog: Catalog, mebibytes: float, wish: Wish = LLAMA) -> Plan:
    return plan(catalog.models[SMALL], processor(mebibytes * 2**20), wish, catalog)


def test_a_roomy_machine_gets_the_whole_context_four_times(catalog: Catalog) -> None:
    made = plan(catalog.models[SMALL], processor(16 * GIB), Wish(), catalog)
    assert (made.engine, made.context, made.sequences, made.threads) == ("llama.cpp", 8192, 4, 4)
    assert made.verdict is Verdict.FITS
    assert made.reasons == (
        "llama.cpp: runs on the processor alone",
        "Q4_1 weights: the only ones there are",
        "8192 tokens of context: all that the model was trained for",
        "4 requests at once: a batch costs little more than one",
        "4 threads: one for each physical core this process may use",
    )
    assert made.changes == ()


def test_a_small_machine_gets_fewer_requests_before_less_context(catalog: Catalog) -> None:
    assert [(made.context, made.sequences) for made in (small(catalog, m) for m in (1300, 1000, 850))] == [
        (8192, 2),
        (8192, 1),
        (4096, 1),
    ]


def test_a_plan_that_fits_never_takes_more_than_its_budget(catalog: Catalog) -> None:
    for mebibytes in range(600, 4000, 100):
        made = small(catalog, mebibytes)
        if made.verdict is Verdict.FITS:
            assert made.budget.need("device").high <= mebibytes * 2**20 * 0.8


def test_what_does_not_fit_says_so_with_its_numbers(catalog: Catalog) -> None:
    made = small(catalog, 400)
    assert made.verdict is Verdict.NO
    assert not made.fits
    assert made.budget.need("device").expected > made.budget.pools[0].capacity == int(400 * 2**20 * 0.8)


def test_wishes_are_kept(catalog: Catalog) -> None:
    wish = Wish(engine="llama.cpp", context=32768, sequences=1, cache_bits=8)
    made = plan(catalog.models["gemma-3-270m"], processor(16 * GIB), wish, catalog)
    assert (made.context, made.sequences, made.cache_type) == (32768, 1, "q8_0")
    assert made.reasons[2] == "32768 tokens of context: as asked"


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        (Wish(context=9000), "at most 8192 tokens of context; 9000 was asked for"),
        (Wish(sequences=0), "At least one request"),
        (Wish(images=1), "cannot see"),
        (Wish(weights="q2"), "has no weights called 'q2'"),
    ],
)
def test_an_impossible_wish_is_refused(catalog: Catalog, wish: Wish, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        plan(catalog.models[SMALL], processor(16 * GIB), wish, catalog)


def test_no_engine_at_all_says_why_for_each(catalog: Catalog) -> None:
    with pytest.raises(DoesNotFit, match="it cannot serve Molmo"):
        plan(catalog.models["molmo-7b-d"], processor(64 * GIB), LLAMA, catalog)


@pytest.mark.parametrize(
    ("name", "wish", "why", "instead"),
    [
        (
            SMALL,
            Wish(engine="vllm"),
            "vLLM: it reads none of the model's weights (q4_1).",
            "Say --engine llama.cpp or --engine ollama, or leave --engine out.",
        ),
        (
            "gemma-3-12b-it",
            Wish(engine="vllm", weights="q4_k_m"),
            "vLLM: it does not read the weights q4_k_m.",
            "Say --engine llama.cpp or --engine ollama, or leave --engine out.",
        ),
        (
            "gemma-3-12b-it",
            Wish(among=frozenset({"llama.cpp"}), weights="bf16"),
            "llama.cpp: it does not read the weights bf16; Ollama: nothing that runs it is installed here;",
            "Say --weights q8_0 or --weights q4_0-qat or --weights q4_k_m, or leave --weights out.",
        ),
    ],
)
def test_what_was_asked_for_and_keeps_a_model_from_being_run_is_named(
    catalog: Catalog, name: str, wish: Wish, why: str, instead: str
) -> None:
    with pytest.raises(DoesNotFit) as caught:
        plan(catalog.models[name], desktop(80 * GIB), wish, catalog)
    assert why in caught.value.message
    assert caught.value.hint.startswith(instead)
    assert caught.value.message.endswith(".")


def test_the_best_quality_that_fits_with_room_is_taken(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-4b-it"]
    large, medium = (plan(model, desktop(size * GIB), Wish(), catalog) for size in (23.5, 7.7))
    assert (large.engine, large.quantization) == ("vllm", "BF16")
    assert medium.verdict is Verdict.FITS
    assert medium.quantization != "BF16"


def test_a_processor_does_not_take_weights_too_slow_to_read_along(catalog: Catalog) -> None:
    made = plan(catalog.models["gemma-3-4b-it"], processor(60 * GIB, 8, 60e9), Wish(), catalog)
    assert made.quantization.startswith("Q4")
    assert made.speed.decode.expected >= 10


def test_other_programs_on_the_card_shrink_vllm_s_share(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-4b-it"]
    made = plan(model, desktop(23.5 * GIB, free=15 * GIB), Wish(engine="vllm"), catalog)
    assert made.utilization == 0.63
    assert made.budget.pools[0].capacity <= 15 * GIB


def test_two_cards_share_what_one_cannot_hold(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-27b-it"]
    wish = Wish(engine="vllm", weights="bf16", context=8192)
    one = plan(model, desktop(47.5 * GIB), wish, catalog)
    two = plan(model, desktop(47.5 * GIB, cards=2), wish, catalog)
    assert (one.verdict, two.verdict, two.gpus) == (Verdict.NO, Verdict.FITS, 2)


def test_three_cards_divide_no_heads_so_two_are_used(catalog: Catalog) -> None:
    wish = Wish(engine="vllm", weights="bf16", context=8192)
    made = plan(catalog.models["gemma-3-27b-it"], desktop(47.5 * GIB, cards=3), wish, catalog)
    assert made.gpus == 2


def test_experts_leave_the_card_before_whole_layers_do(catalog: Catalog) -> None:
    wish = Wish(engine="llama.cpp", context=8192)
    made = plan(catalog.models["gpt-oss-20b"], desktop(7.7 * GIB), wish, catalog)
    assert made.verdict is Verdict.OFFLOAD
    assert made.host_experts > 0
    assert made.resident_layers is None
    assert any(line.name == "weights of the rest" and line.where == "host" for line in made.budget.lines)


def test_offload_costs_speed(catalog: Catalog) -> None:
    model, wish = catalog.models["gemma-3-27b-it"], Wish(engine="llama.cpp", weights="q4_k_m", context=8192)
    whole = plan(model, desktop(23.5 * GIB), wish, catalog)
    part = plan(model, desktop(11.8 * GIB), wish, catalog)
    assert part.verdict is Verdict.OFFLOAD
    assert part.speed.decode.expected < whole.speed.decode.expected / 3


def test_offload_can_be_forbidden(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-27b-it"]
    wish = Wish(engine="llama.cpp", weights="q4_k_m", context=8192, offload=False)
    assert plan(model, desktop(11.8 * GIB), wish, catalog).verdict is Verdict.NO


def test_what_offload_leaves_must_fit_the_machine_s_memory(catalog: Catalog) -> None:
    model = catalog.models["gpt-oss-120b"]
    wish = Wish(engine="llama.cpp", context=8192)
    poor, rich = (plan(model, desktop(15 * GIB, memory=m * GIB), wish, catalog) for m in (32, 96))
    assert (poor.verdict, rich.verdict) == (Verdict.NO, Verdict.OFFLOAD)
