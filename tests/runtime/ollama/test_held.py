"""What a daemon holds, judged by what was planned."""

from __future__ import annotations

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ollama.answers import Running
from kanoa_mlops.runtime.ollama.held import find_held, shortfalls
from tests.planner.machines import GIB
from tests.runtime.ollama.conftest import TAG, plan_for

NAME = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"


def held(vram: float = 10, size: float = 10, context: int | None = 8192, name: str = NAME) -> Running:
    return Running(name=name, size=int(size * GIB), size_vram=int(vram * GIB), context_length=context)


def test_as_planned_there_is_nothing_to_say(planned: Plan) -> None:
    assert shortfalls(planned, held()) == ()


def test_more_context_than_planned_is_no_shortfall(planned: Plan) -> None:
    """Some versions count all requests together."""
    assert shortfalls(planned, held(context=16384)) == ()


def test_a_version_that_does_not_tell_its_context_is_not_accused(planned: Plan) -> None:
    assert shortfalls(planned, held(context=None)) == ()


def test_a_shorter_context_is_told_with_both_numbers(planned: Plan) -> None:
    assert shortfalls(planned, held(context=4096)) == (
        "Ollama holds a context of 4096 tokens, not the 8192 that were asked for",
    )


def test_a_silent_fall_to_the_processor_is_told(planned: Plan) -> None:
    [reason] = shortfalls(planned, held(vram=0))
    assert reason.startswith(
        "Ollama computes on the processor alone: none of its 10.0 GiB is on the graphics processor "
        "(planned was none)"
    )


def test_a_part_left_to_the_processor_is_told(planned: Plan) -> None:
    [reason] = shortfalls(planned, held(vram=7.5))
    assert reason.startswith("Ollama left 2.50 GiB of 10.0 GiB to the processor (planned was none)")


def test_both_are_told(planned: Plan) -> None:
    assert len(shortfalls(planned, held(vram=0, context=4096))) == 2


def test_what_the_plan_leaves_to_the_processor_is_as_planned(catalog: Catalog) -> None:
    wish = Wish(engine="ollama", weights="ollama", context=8192, sequences=1)
    plan = plan_for(catalog, wish, card=6 * GIB)
    device = plan.budget.need("device").expected
    share = device / (device + plan.budget.need("host").expected)
    assert 0 < share < 1
    assert shortfalls(plan, held(vram=10 * share)) == ()
    assert "planned were" in shortfalls(plan, held(vram=0))[0]


def test_ours_is_found_by_its_name() -> None:
    others = held(name="llava:latest")
    assert find_held([others, held()], NAME, TAG, 8192) == held()
    assert find_held([others], NAME, TAG, 8192) is None


def test_a_twin_that_came_first_holds_the_same() -> None:
    twin = held(name=TAG)
    assert find_held([twin], NAME, TAG, 8192) == twin
    assert find_held([twin], NAME, TAG, 4096) is None
