"""What a provider lets one account use, over restarts and over several gateways."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import BooksBusy
from kanoa_mlops.gateway.account import Known, Use, known
from kanoa_mlops.gateway.allowances import Allowances, account_name, carrying
from kanoa_mlops.gateway.books.state import Change, State
from kanoa_mlops.gateway.burst.grant import Grant
from kanoa_mlops.gateway.policy.allowance import Allowance, Limit
from kanoa_mlops.gateway.policy.backend import Abilities, Price
from kanoa_mlops.gateway.policy.backend import State as Stand
from kanoa_mlops.gateway.policy.moment import Moment
from tests.gateway.books.making import at_once
from tests.gateway.books.places import Stored, execute, hold, let_go, opened

KEY = "gsk_the-owners-key"
DAILY: dict[Limit, int] = {"requests_per_day": 100, "tokens_per_day": 10_000}
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def a_grant(**changes: Any) -> Grant:
    values: dict[str, Any] = {
        "id": "groq",
        "model": "smollm2",
        "provider": "Groq",
        "base_url": "https://api.groq.example/openai/v1",
        "name": "openai/gpt-oss-120b",
        "price": Price(Decimal(0), Decimal(0)),
        "abilities": Abilities(4096),
        "limits": DAILY,
        "headers": {},
        "key": KEY,
    }
    return Grant(**values | changes)


GRANT = a_grant()


def gateway(store: Stored, *grants: Grant) -> Allowances:
    made = Allowances(store)
    made.meet(grants or (GRANT,))
    return made


def now() -> Moment:
    return Moment(time.monotonic(), datetime.now(UTC))


def used(allowances: Allowances, grant: Grant = GRANT) -> dict[str, float]:
    return {str(name): level for name, level in allowances.of(grant).allowance.used.items()}


def test_a_restart_forgets_nothing(store: Stored) -> None:
    before = gateway(store)
    before.of(GRANT).charge(300, now().wall)
    before.of(GRANT).charge(200, now().wall)
    before.of(GRANT).settle(200, 50, now().wall)
    before.carry()
    assert used(gateway(store)) == {"requests_per_day": 2, "tokens_per_day": 350}


def test_minutes_refill_while_nobody_is_there(store: Stored) -> None:
    limits: dict[Limit, int] = {"tokens_per_minute": 6000}
    grant = a_grant(limits=limits)
    before = gateway(store, grant)
    before.of(grant).charge(6000, now().wall - timedelta(seconds=30))
    before.carry()
    after = gateway(store, grant).of(grant).allowance
    assert after.admits(2900, now().wall)
    assert not after.admits(3500, now().wall)


def test_two_gateways_know_of_one_another(store: Stored, other: Stored) -> None:
    here, there = gateway(store), gateway(other)
    here.of(GRANT).charge(100, now().wall)
    here.carry()
    there.of(GRANT).charge(10, now().wall)
    there.carry()
    assert used(there) == {"requests_per_day": 2, "tokens_per_day": 110}
    here.of(GRANT).charge(1, now().wall)
    here.carry()
    assert used(here) == {"requests_per_day": 3, "tokens_per_day": 111}


def test_one_that_asks_nothing_learns_of_the_others_too(store: Stored, other: Stored) -> None:
    idle = gateway(other)
    busy = gateway(store)
    busy.of(GRANT).charge(100, now().wall)
    busy.carry()
    with carrying(idle, period=0.01):
        wait_for(idle, {"requests_per_day": 1, "tokens_per_day": 100})


def test_of_many_at_once_none_is_lost(where: str) -> None:
    def use() -> None:
        store = opened(where, patience=60.0)
        mine = gateway(store)
        for _ in range(20):
            mine.of(GRANT).charge(10, now().wall)
            mine.of(GRANT).settle(10, 7, now().wall)
            mine.carry()
        store.close()

    at_once(use, use, use)
    store = opened(where)
    assert used(gateway(store)) == {"requests_per_day": 60, "tokens_per_day": 420}
    store.close()


def test_two_grants_of_one_account_and_model_share_it(store: Stored) -> None:
    twin = a_grant(id="groq-2", model="another", base_url=GRANT.base_url + "/")
    others = [a_grant(key="gsk_other"), a_grant(name="qwen"), a_grant(base_url="https://b.example/v1")]
    allowances = gateway(store, GRANT, twin, *others)
    allowances.of(GRANT).charge(5, now().wall)
    assert allowances.of(twin) is allowances.of(GRANT)
    assert [used(allowances, each) for each in others] == [{}, {}, {}]


def test_a_refusal_that_lasts_outlives_a_restart_and_the_others_hear_of_it(
    store: Stored, other: Stored
) -> None:
    moment = now()
    there, here = gateway(other), gateway(store)
    here.of(GRANT).refuses(Stand("exhausted", f"HTTP 402: {KEY} is poor", moment.now + 1e6), moment)
    here.carry()
    after = gateway(store).of(GRANT).state(moment.now)
    assert after is not None
    assert after.kind == "exhausted"
    assert after.until == pytest.approx(moment.now + 1e6, abs=5)
    there.of(GRANT).charge(1, moment.wall)
    there.carry()
    assert (found := there.of(GRANT).state(moment.now)) and found.kind == "exhausted"
    changed = a_grant(key="gsk_a-new-one")
    assert gateway(store, changed).of(changed).state(moment.now) is None


@pytest.mark.parametrize(
    ("kind", "seconds"), [("rate_limited", 3.0), ("down", 300.0), ("auth_error", 300.0), ("busy", 300.0)]
)
def test_what_is_soon_over_or_not_of_the_account_is_not_kept(
    store: Stored, kind: Any, seconds: float
) -> None:
    here, moment = gateway(store), now()
    here.of(GRANT).refuses(Stand(kind, "", moment.now + seconds), moment)
    here.carry()
    assert store.load(account_name(GRANT)) == {}


def test_a_refusal_that_is_over_is_over(store: Stored) -> None:
    here, moment = gateway(store), now()
    ago = Moment(moment.now, moment.wall - timedelta(hours=1))
    here.of(GRANT).refuses(Stand("rate_limited", "", moment.now + 60), ago)
    here.carry()
    for each in (here, gateway(store)):
        assert each.of(GRANT).state(moment.now) is None


def test_nothing_secret_is_stored(store: Stored) -> None:
    here, moment = gateway(store), now()
    here.of(GRANT).charge(1, moment.wall)
    here.of(GRANT).refuses(Stand("rate_limited", f"{KEY} of org_1 had enough", moment.now + 60), moment)
    here.carry()
    everything = repr(execute(store, "SELECT * FROM states"))
    assert account_name(GRANT) in everything
    assert KEY not in everything
    assert "org_1" not in everything


def test_while_the_store_is_away_it_counts_on_and_tells_once(
    where: str, store: Stored, other: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    hasty = opened(where, patience=0.01)
    here = gateway(hasty)
    hold(other)
    if where.startswith("postgresql"):  # there, whoever writes states holds them alone
        execute(other, "LOCK TABLE states IN ACCESS EXCLUSIVE MODE")
    for _ in range(3):
        here.of(GRANT).charge(10, now().wall)
        here.carry()
    assert used(here) == {"requests_per_day": 3, "tokens_per_day": 30}
    let_go(other)
    here.carry()
    hasty.close()
    assert used(gateway(store)) == {"requests_per_day": 3, "tokens_per_day": 30}
    told = [each.message for each in caplog.records if each.name.endswith("allowances")]
    assert [message.endswith("in memory meanwhile.") for message in told] == [True, False]


class Away:
    """A store that is not there."""

    def load(self, name: str) -> State:
        raise BooksBusy("The books are not reached.")

    def update(self, changes: dict[str, Change]) -> None:
        raise BooksBusy("The books are not reached.")


def test_however_long_it_is_away_memory_is_bounded_and_the_sum_stays() -> None:
    here = Allowances(Away())  # type: ignore[arg-type]
    account = here.of(GRANT)
    for _ in range(20):
        for _ in range(300):
            account.charge(3, now().wall)
        here.carry()
    found = account.unkept()
    assert found is not None
    _, uses = found
    assert len(uses) <= 1301
    assert (sum(each.requests for each in uses), sum(each.tokens for each in uses)) == (6000, 18000)


def test_what_cannot_be_read_is_counted_anew(store: Stored, caplog: pytest.LogCaptureFixture) -> None:
    store.update({account_name(GRANT): lambda state, now: {"at": "yesterday", "requests_per_day": []}})
    here = gateway(store)
    here.of(GRANT).charge(1, now().wall)
    here.carry()
    assert used(gateway(store)) == {"requests_per_day": 1, "tokens_per_day": 1}
    assert "It is counted anew" in caplog.text


uses = st.lists(
    st.builds(
        Use,
        st.integers(0, 3),
        st.integers(0, 500),
        st.floats(0, 7200).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    )
)


@given(uses, uses)
def test_what_others_did_later_never_makes_it_less(mine: list[Use], theirs: list[Use]) -> None:
    """By the day nothing is lost, by the minute no second refills twice, whoever came to the store first."""
    limits: dict[Limit, int] = {**DAILY, "tokens_per_minute": 60}
    last = NOON + timedelta(hours=2)
    together = Known(Allowance(limits)).used(sorted([*mine, *theirs], key=lambda each: each.wall))
    apart = Known(Allowance(limits)).used(sorted(theirs, key=lambda each: each.wall))
    apart = apart.used(sorted(mine, key=lambda each: each.wall))
    for name in ("requests_per_day", "tokens_per_day"):
        assert apart.allowance.used.get(name) == together.allowance.used.get(name)
    a, b = (each.used([Use(0, 0, last)]).allowance.used for each in (apart, together))
    assert a.get("tokens_per_minute", 0) >= b.get("tokens_per_minute", 0) - 1e-3


@given(uses, st.integers(0, 10**6))
def test_what_is_saved_comes_back(mine: list[Use], seconds: int) -> None:
    before = Known(Allowance(DAILY)).used(mine)
    saved = json.loads(json.dumps(before.saved()))
    assert known(DAILY, saved, (NOON + timedelta(days=1)).timestamp()) == before


def test_a_clock_that_was_ahead_does_not_stop_the_refill() -> None:
    limits: dict[Limit, int] = {"tokens_per_minute": 60}
    ahead = Known(Allowance(limits)).used([Use(1, 60, NOON + timedelta(days=1))])
    after = known(limits, ahead.saved(), NOON.timestamp())
    assert after.allowance.admits(60, NOON + timedelta(seconds=61))


def wait_for(allowances: Allowances, wanted: dict[str, float]) -> None:
    until = time.monotonic() + 30
    while used(allowances) != wanted:
        assert time.monotonic() < until, used(allowances)
        time.sleep(0.01)
