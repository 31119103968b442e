"""What a token of each model cost its owner, all in all: so much here, so much beyond the LAN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from kanoa_mlops.cli.usage_report import HOME
from kanoa_mlops.gateway.books.totals import Total
from kanoa_mlops.gateway.policy.backend import Price


@dataclass(frozen=True)
class Cost:
    """Of all tokens of one model; in micro-dollars, which a dollar a million tokens is for each of them."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    prompt: Fraction = Fraction(0)
    answer: Fraction = Fraction(0)
    paid: int = 0
    """What of it the ledger says was paid to others."""
    paid_tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.prompt_tokens + other.prompt_tokens,
            self.answer_tokens + other.answer_tokens,
            self.prompt + other.prompt,
            self.answer + other.answer,
            self.paid + other.paid,
            self.paid_tokens + other.paid_tokens,
        )

    def prices(self, local: Price) -> tuple[Fraction, Fraction]:
        """Dollars for a million tokens of prompt and of answer, by which all of them cost what they did.

        Args:
            local: taken where there was no token.
        """
        return (
            self.prompt / self.prompt_tokens if self.prompt_tokens else Fraction(local.prompt),
            self.answer / self.answer_tokens if self.answer_tokens else Fraction(local.answer),
        )


def costs(totals: Iterable[Total], known: Mapping[str, Price], local: Price) -> dict[str, Cost]:
    """By model.

    Args:
        totals: by model, by tier and by backend.
        known: backend -> its price. The ledger has one sum for prompt and answer: by this it is divided, and
            by tokens where no price is known.
        local: what a million tokens cost on the owner's own machines.
    """
    found: dict[str, Cost] = {}
    for each in totals:
        model, tier, backend = each.group
        made = _here(each, local) if tier in HOME else _beyond(each, known.get(backend))
        found[model] = found.get(model, Cost()) + made
    return found


def _here(each: Total, local: Price) -> Cost:
    prompt, answer = each.prompt_tokens, each.completion_tokens
    return Cost(prompt, answer, prompt * Fraction(local.prompt), answer * Fraction(local.answer))


def _beyond(each: Total, price: Price | None) -> Cost:
    prompt, answer = each.prompt_tokens, each.completion_tokens
    parts = [prompt * Fraction(price.prompt), answer * Fraction(price.answer)] if price else []
    if not any(parts):
        parts = [Fraction(prompt), Fraction(answer)]
    whole = sum(parts) or 1
    of_prompt, of_answer = (each.micro * part / whole for part in parts)
    return Cost(prompt, answer, of_prompt, of_answer, each.micro, prompt + answer)
