from decimal import Decimal
from typing import Any

import pytest

from kanoa_mlops.gateway.policy.backend import NEEDS, Abilities, Price
from tests.gateway.policy.make import ALL, CENTS, a_backend, an_ask


@pytest.mark.parametrize(
    ("without", "asks", "lack"),
    [
        ("sees", {"images": True}, "images"),
        ("tools", {"tools": True}, "tools"),
        ("structured", {"structured": True}, "structured"),
    ],
)
def test_what_a_request_needs_and_a_backend_lacks_is_named(
    without: str, asks: dict[str, Any], lack: str
) -> None:
    able = {"sees": True, "tools": True, "structured": True} | {without: False}
    abilities = Abilities(32_768, **able)
    assert [need for need in NEEDS if abilities.lacks(need, an_ask(**asks))] == [lack]
    assert not any(abilities.lacks(need, an_ask()) for need in NEEDS)
    assert not any(ALL.lacks(need, an_ask(**asks)) for need in NEEDS)


@pytest.mark.parametrize(
    ("prompt", "answer", "fits"),
    [
        (4095, None, True),
        (4096, None, False),
        (4000, 96, True),
        (4000, 97, False),
        (3072, 3000, True),
        (3073, 3000, False),
        (100, 100_000, True),
    ],
)
def test_the_context_holds_the_prompt_and_an_answer_worth_having(
    prompt: int, answer: int | None, fits: bool
) -> None:
    ask = an_ask(prompt_tokens=prompt, max_answer_tokens=answer)
    assert Abilities(4096).room_for(ask) is fits


def test_the_worst_cost_counts_the_longest_answer_there_can_be() -> None:
    backend = a_backend(tier="hosted", abilities=Abilities(10_000), price=Price(Decimal(1), Decimal(10)))
    assert backend.worst_cost(an_ask(prompt_tokens=1000, max_answer_tokens=500)) == Decimal("0.006")
    assert backend.worst_cost(an_ask(prompt_tokens=1000)) == Decimal("0.091")
    assert backend.worst_cost(an_ask(prompt_tokens=1000, max_answer_tokens=50_000)) == Decimal("0.091")


def test_near_ones_cost_nothing_and_an_unknown_price_is_no_price() -> None:
    assert a_backend(tier="lan", price=CENTS).worst_cost(an_ask()) == 0
    assert a_backend(tier="cloud", price=None).worst_cost(an_ask()) is None
