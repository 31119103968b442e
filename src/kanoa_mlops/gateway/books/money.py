"""Money as whole micro-dollars: sums are exact, and the price of one token is seldom less."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

MICRO = 1_000_000
"""Micro-dollars in a dollar."""
_MOST = 10**9 * MICRO
"""Larger is a slip of the finger."""


def parse_micro(text: str) -> int:
    """'2.50' or '$2.50' to micro-dollars.

    Raises:
        ValueError: no sum of dollars, below zero, finer than a millionth, or above a thousand million.
    """
    try:
        micro = Decimal(text.strip().removeprefix("$")) * MICRO
        if 0 <= micro <= _MOST and micro == micro.to_integral_value():
            return int(micro)
    except ArithmeticError:
        pass
    raise ValueError(f"{text!r} is not a sum of dollars; write it as in '2.50'")


def format_dollars(micro: int) -> str:
    """'$2.50'; below ten cents with the digits that matter: '$0.0042'."""
    dollars = Decimal(micro) / MICRO
    if micro == 0 or abs(dollars) >= Decimal("0.1"):
        return f"${dollars:,.2f}"
    return f"${dollars.normalize():f}" if abs(micro) < 100 else f"${dollars:.4f}"


def cost(
    prompt_tokens: int, completion_tokens: int, *, prompt_price: Decimal, completion_price: Decimal
) -> int:
    """Micro-dollars, rounded up: never in favour of spending.

    Args:
        prompt_price: dollars a million tokens, which is micro-dollars a token.
        completion_price: likewise.
    """
    micro = prompt_tokens * prompt_price + completion_tokens * completion_price
    return int(micro.to_integral_value(ROUND_CEILING))
