import pytest

from kanoa_mlops.gateway.policy.outcome import Fault, Outcome
from kanoa_mlops.gateway.policy.retry import may_retry


def retried(
    outcome: Outcome, retries: int = 0, began: bool = False, paid: bool = False, now: float = 0
) -> bool:
    return may_retry(outcome, retries, began=began, paid=paid, now=now, deadline=10)


@pytest.mark.parametrize("status", [402, 408, 410, 429, 502, 503, 504])
def test_what_another_backend_may_answer_is_tried_there(status: int) -> None:
    assert retried(Outcome(status))
    assert retried(Outcome(status), paid=True)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 422, 500, 501])
def test_what_would_meet_the_same_elsewhere_is_not(status: int) -> None:
    assert not retried(Outcome(status))


@pytest.mark.parametrize(("fault", "paid"), [("connect", True), ("late", False), ("cut", False)])
def test_what_did_not_answer_is_tried_anew_unless_it_may_charge_for_it(fault: Fault, paid: bool) -> None:
    assert retried(Outcome(fault=fault))
    assert retried(Outcome(fault=fault), paid=True) is paid


def test_never_after_the_first_byte_nor_for_ever() -> None:
    assert not retried(Outcome(502), began=True)
    assert not retried(Outcome(fault="connect"), began=True)
    assert retried(Outcome(502), retries=1)
    assert not retried(Outcome(502), retries=2)
    assert not retried(Outcome(502), now=10)
