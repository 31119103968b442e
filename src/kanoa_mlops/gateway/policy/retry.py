"""Whether a request may be tried at another backend."""

from __future__ import annotations

from kanoa_mlops.gateway.policy.outcome import Outcome

MOST_RETRIES = 2
# Nothing was answered, and nothing is billed. A fault of the request itself would meet the same elsewhere.
_ELSEWHERE = (402, 408, 410, 429, 502, 503, 504)


def may_retry(
    outcome: Outcome, retries: int, *, began: bool, paid: bool, now: float, deadline: float
) -> bool:
    """
    Args:
        retries: how often it was tried anew before.
        began: the client has got a first byte; whatever follows could contradict it.
        paid: the backend takes money. Where it got the request and no answer came, it may charge for it, and
            the same would be paid twice.
        deadline: of the whole request.
    """
    if began or retries >= MOST_RETRIES or now >= deadline:
        return False
    if outcome.fault:
        return outcome.fault == "connect" or not paid
    return outcome.status in _ELSEWHERE
