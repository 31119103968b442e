"""What an owner is told before something is allowed."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator

from kanoa_mlops.cli.burst_report import Shown, cap_of, limits_text, price_of, prices_read
from kanoa_mlops.gateway.burst.grant import Burst

_WIDTH = 80
_INDENT = 12


def terms(each: Shown, burst: Burst) -> list[str]:
    """Lines of at most 80 letters: what leaves, to whom, on which terms, and how to take it back."""
    return [line for label, text in _terms(each, burst) if text for line in _folded(label, text)]


def _terms(each: Shown, burst: Burst) -> Iterator[tuple[str, str]]:
    grant = each.grant
    images = " and images" if grant.abilities.sees else ""
    yield "What", f"Whole requests for {grant.model}, with their prompts{images}."
    yield "But", each.unserved
    yield "When", f"Nothing here can answer them, or they would wait {burst.after_seconds:g} s or longer."
    yield "Whose", "Where keys are asked for, only of those made with `keys add --burst`."
    yield "To", f"{grant.provider}, {grant.name} at {grant.base_url}"
    yield "Data", each.policy
    if grant.free:
        yield "Price", "None; this is the free plan. An account with another plan would be charged."
    else:
        read = each.provider and prices_read(each.provider)
        since = f", read {read}" if read else ""
        yield "Price", f"$ {price_of(grant)} for a million tokens of prompt / answer{since}"
    yield "At most", cap_of(grant.micro_per_day, grant.micro_per_month)
    yield "In all", cap_of(burst.micro_per_day, burst.micro_per_month)
    yield "Limits", limits_text(grant.limits)
    yield "Key", each.missing or "It is there, and is sent to them alone."
    yield "Take back", shlex.join(["kanoa-mlops", "burst", "revoke", grant.id, "--for", grant.model])


def _folded(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{label:<{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
