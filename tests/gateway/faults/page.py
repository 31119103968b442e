"""Writes docs/reference/faults.md from the rows.

    python -m tests.gateway.faults.page

A test plays every row, and another fails when the page is not what the rows say.
"""

from __future__ import annotations

from pathlib import Path

from tests.gateway.faults.rows import FAULTS
from tests.gateway.faults.seen import Seen

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "faults.md"
_INTRODUCTION = """\
# What a client sees when something breaks

Written by `python -m tests.gateway.faults.page` from what the tests play against a running gateway.

*Alone*: one engine, which misbehaves. *Beside*: a healthy one stands behind it. *Paid*: both are hosted, and
the request asks for hosted (`x-kanoa-burst: require`); what may have been charged for is never sent again.
*Asked* is how often the engine that misbehaves, and then the healthy one, got the request. *Booked* is what
the ledger has: status, backend, tokens of prompt and answer (`~`: estimated), cost in micro-dollars. Once a
request is over, nothing of it is in flight, waits, or is set aside. Limits of time are shorter here than as
they come: an engine that stalls before its first byte is waited for up to 600 s, or until it is found to be
[frozen or stuck](engine-metrics.md#when-an-engine-is-taken-for-frozen).

| What happens | | Client sees | Retry-After | Asked | Booked |
|---|---|---|---|---|---|
"""


def page() -> str:
    return _INTRODUCTION + "".join(
        _row(fault.what if setting == "alone" else "", setting, seen)
        for fault in FAULTS
        for setting, seen in (("alone", fault.alone), ("beside", fault.beside), ("paid", fault.paid))
        if seen
    )


def _row(what: str, setting: str, seen: Seen) -> str:
    asked = ", ".join(map(str, seen.asked))
    cells = (what, setting, _told(seen), seen.retry_after, asked, "; ".join(seen.booked))
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|\n"


def _told(seen: Seen) -> str:
    many = f"{seen.times} times " if seen.times > 1 else ""
    if seen.status is None:
        return "its connection is closed" if seen.code else f"{many}it left"
    words = [str(seen.status)]
    if seen.said:
        words.append(f"“{seen.said}”")
    if seen.code:
        words.append(f"`{seen.code}`" + (" as the last event" if seen.last else ""))
    elif seen.last:
        words.append(f"`{seen.last}`")
    return many + ", ".join(words)


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
