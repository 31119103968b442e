import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Machine
from kanoa_mlops.errors import DoesNotFit, UserError
from kanoa_mlops.planner.memory import cache_bytes
from kanoa_mlops.planner.plan import Wish, plan

GIB = 2**30


def machine(memory: int, cores: int = 4) -> Machine:
    return Machine(
        system="Linux",
        architecture="x86_64",
        cpu="test",
        cores=cores,
        memory_total=memory,
        memory_available=memory,
    )


@pytest.mark.parametrize(
    ("model", "megabytes"),
    # What llama.cpp b11549 prints as its KV buffers for two sequences of 8192 tokens in F16.
    [("smollm2-135m-instruct", 360), ("gemma-3-270m", 48 + 30)],
)
def test_the_cache_is_what_llama_cpp_allocates(catalog: Catalog, model: str, megabytes: int) -> None:
    assert cache_bytes(catalog.models[model].architecture, 8192, 2) == megabytes * 2**20


def test_a_roomy_machine_gets_the_whole_context_four_times(catalog: Catalog) -> None:
    made = plan(catalog.models["smollm2-135m-instruct"], machine(16 * GIB))
    assert (made.context, made.sequences, made.threads) == (8192, 4, 4)
    assert made.reasons == (
        "4 threads: one for each physical core this process may use",
        "8192 tokens of context: all that the model was trained for",
        "4 requests at once: a batch costs little more than one",
    )


def test_a_small_machine_gets_fewer_requests_before_less_context(catalog: Catalog) -> None:
    model = catalog.models["smollm2-135m-instruct"]
    sizes = [
        (made.context, made.sequences) for made in (plan(model, machine(m * 2**20)) for m in (1100, 900, 750))
    ]
    assert sizes == [(8192, 2), (8192, 1), (4096, 1)]


def test_a_plan_never_takes_more_than_its_budget(catalog: Catalog) -> None:
    for megabytes in range(700, 4000, 100):
        made = plan(catalog.models["smollm2-135m-instruct"], machine(megabytes * 2**20))
        assert made.memory_bytes <= megabytes * 2**20 * 0.8


def test_what_does_not_fit_is_refused_with_both_numbers(catalog: Catalog) -> None:
    with pytest.raises(DoesNotFit, match=r"takes 5\d\d MiB .* 512 MiB is free"):
        plan(catalog.models["smollm2-135m-instruct"], machine(512 * 2**20))


def test_wishes_are_kept(catalog: Catalog) -> None:
    made = plan(catalog.models["gemma-3-270m"], machine(16 * GIB), Wish(context=32768, sequences=1))
    assert (made.context, made.sequences) == (32768, 1)
    assert "as asked" in made.reasons[1]


def test_more_context_than_the_model_has_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UserError, match="at most 8192 tokens of context; 9000 was asked for"):
        plan(catalog.models["smollm2-135m-instruct"], machine(16 * GIB), Wish(context=9000))
