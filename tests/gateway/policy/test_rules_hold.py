"""No request breaks the owner's rules: whatever stands behind a name, whoever waits, whatever is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import TypeVar, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import NEEDS, READY, TIERS, Abilities, BackendView, Kind, Price, State
from kanoa_mlops.gateway.policy.decide import decide, dispatch, weigh
from kanoa_mlops.gateway.policy.decision import Decision, Refuse, Send, Wait
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.queue import Queue
from kanoa_mlops.gateway.policy.reach import in_question
from kanoa_mlops.gateway.policy.rules import Rules
from tests.gateway.policy.make import ALL, CENTS, NOW, TEXT, a_backend, a_pool, an_ask

T = TypeVar("T")


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    """The usual one in three of four: what has to come together for a burst is rare by chance."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


SECONDS = (0.0, 0.05, 1.0, 9.0, 30.0, 59.0, 1e6)
SOON = tuple(NOW - 1 + seconds for seconds in SECONDS)
KINDS: tuple[Kind, ...] = get_args(Kind)
RATES = tuple(Decimal(text) for text in ("0", "0.1", "5", "100"))
BACKENDS = st.builds(
    BackendView,
    id=st.just(""),
    tier=st.sampled_from(TIERS),
    abilities=st.sampled_from(
        [*[ALL, TEXT] * 8, *(Abilities(2048, *has) for has in product((False, True), repeat=3))]
    ),
    state=mostly(
        READY, *(State(kind, "", until) for kind in KINDS if kind != "ready" for until in (None, *SOON))
    ),
    slots=st.integers(1, 3),
    in_flight=mostly(0, 1, 2, 3, 4),
    service_seconds=st.sampled_from((None, *SECONDS)),
    price=mostly(CENTS, None, *(Price(*rates) for rates in product(RATES, RATES))),
    wakes_in=st.sampled_from((None, *SECONDS)),
    probing=mostly(False, True),
)
POOLS = st.one_of(*[st.lists(BACKENDS, min_size=3, max_size=5)] * 3, st.lists(BACKENDS, max_size=2)).map(
    lambda backends: a_pool(*(replace(each, id=f"b{n}") for n, each in enumerate(backends)))
)
ASKS = st.builds(
    Ask,
    id=st.integers(0, 2**64).map(str),
    model=st.just("m"),
    key=st.sampled_from("abc"),
    prompt_tokens=mostly(1000, 0, 2048, 5000, 9000),
    arrived=st.sampled_from(SECONDS).map(lambda seconds: NOW - seconds),
    deadline=mostly(NOW + 60, *SOON),
    max_answer_tokens=st.sampled_from([None, 1, 500, 5000]),
    images=mostly(False, True),
    tools=mostly(False, True),
    structured=mostly(False, True),
    burst=st.sampled_from(["allow", "allow", "never", "require"]),
    prefix=st.sampled_from([b"", b"x", b"y"]),
)
RULES = st.builds(
    Rules,
    queue_length=mostly(6, 0, 3),
    burst_allowed=mostly(True, False),
    key_may_burst=mostly(True, False),
    burst_after=mostly(0.0, *SECONDS),
    budget_left=mostly(Decimal(5), Decimal(-1), Decimal(0), Decimal("0.0004")),
    budget_renewed_at=st.sampled_from((None, *SOON)),
)


def queue_of(asks: list[Ask]) -> Queue:
    queue = Queue()
    for ask in asks:
        queue = queue.joined(ask)
    return queue


QUEUES = st.lists(ASKS, max_size=5, unique_by=lambda ask: ask.id).map(queue_of)


@dataclass(frozen=True)
class Case:
    ask: Ask
    pool: Pool
    rules: Rules
    queue: Queue

    @cached_property
    def decision(self) -> Decision:
        return decide(self.ask, self.pool, self.rules, self.queue, NOW)

    def named(self) -> list[BackendView]:
        """The backends that something is to be done with: sent to, or woken."""
        decision = self.decision
        names = {
            *([decision.backend, decision.wake] if isinstance(decision, Send) else []),
            *([decision.wake.backend] if isinstance(decision, Wait) and decision.wake else []),
        }
        return [backend for backend in self.pool.backends if backend.id in names]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    queue = draw(QUEUES)
    ask = draw(st.one_of(ASKS, st.sampled_from(queue.waiting)) if queue.waiting else ASKS)
    return Case(ask, draw(POOLS), draw(RULES), queue)


many = settings(max_examples=400, deadline=None)


@many
@given(ASKS, BACKENDS, RULES, st.one_of(st.just(Queue()), QUEUES))
def test_the_short_way_to_a_lone_backend_leads_where_the_long_one_does(
    ask: Ask, backend: BackendView, rules: Rules, queue: Queue
) -> None:
    pool = a_pool(replace(backend, id="b"))
    assert decide(ask, pool, rules, queue, NOW) == weigh(ask, pool, rules, queue, NOW)


@many
@given(cases())
def test_no_request_breaks_the_owners_rules(case: Case) -> None:
    an_image_never_goes_to_what_does_not_see_nor_anything_to_what_is_not_able(case)
    what_is_able_lacks_nothing(case)
    beyond_the_lan_only_where_all_agree_and_the_budget_holds_the_worst_case(case)
    only_what_is_ready_and_has_a_free_slot_is_sent_to_and_only_what_sleeps_is_woken(case)
    nothing_nearer_that_is_free_is_passed_over(case)
    the_queue_keeps_its_bound(case)
    who_waits_is_told_a_time_and_looked_at_again(case)
    a_refusal_says_when_to_come_again_where_that_can_help(case)
    the_client_is_blamed_only_for_what_no_backend_can_or_may_do(case)


def an_image_never_goes_to_what_does_not_see_nor_anything_to_what_is_not_able(case: Case) -> None:
    for backend in case.named():
        assert backend.abilities.sees or not case.ask.images
        assert backend.abilities.tools or not case.ask.tools
        assert backend.abilities.structured or not case.ask.structured
        assert case.ask.prompt_tokens < backend.abilities.context_tokens


def what_is_able_lacks_nothing(case: Case) -> None:
    for backend in case.pool.backends:
        lacking = [need for need in NEEDS if backend.abilities.lacks(need, case.ask)]
        assert backend.able(case.ask) == (not lacking)


def beyond_the_lan_only_where_all_agree_and_the_budget_holds_the_worst_case(case: Case) -> None:
    for backend in case.named():
        if backend.tier in ("local", "lan"):
            assert case.ask.burst != "require"
            continue
        assert case.ask.burst != "never"
        assert case.rules.burst_allowed and case.rules.key_may_burst
        assert backend.price is not None
        room = backend.abilities.context_tokens - case.ask.prompt_tokens
        answer = min(case.ask.max_answer_tokens or room, room)
        cost = (case.ask.prompt_tokens * backend.price.prompt + answer * backend.price.answer) / 1_000_000
        assert cost <= max(Decimal(0), case.rules.budget_left)
        if isinstance(decision := case.decision, Send) and decision.backend == backend.id:
            assert decision.most_usd == cost
    if case.ask.burst == "require":
        assert all(backend.tier == "hosted" for backend in case.named())


def only_what_is_ready_and_has_a_free_slot_is_sent_to_and_only_what_sleeps_is_woken(case: Case) -> None:
    for backend in case.named():
        if isinstance(decision := case.decision, Send) and decision.backend == backend.id:
            assert backend.state == READY and backend.in_flight < backend.slots
        else:
            assert backend.state.kind == "asleep" and backend.wakes_in is not None


def nothing_nearer_that_is_free_is_passed_over(case: Case) -> None:
    """Except what those before it in the queue are about to take."""
    decision = case.decision
    if case.ask.burst == "require":
        return
    chosen = next(
        (b for b in case.pool.backends if isinstance(decision, Send) and b.id == decision.backend), None
    )
    reached = TIERS.index(chosen.tier) if chosen else TIERS.index("cloud")
    free = sum(
        max(0, backend.slots - backend.in_flight)
        for backend in case.pool.backends
        if TIERS.index(backend.tier) < reached and backend.state == READY and backend.able(case.ask)
        if (cost := backend.worst_cost(case.ask)) is not None
        and cost <= max(Decimal(0), case.rules.budget_left)
    )
    assert free <= len(case.queue.ahead_of(case.ask))


def the_queue_keeps_its_bound(case: Case) -> None:
    if isinstance(case.decision, Wait) and not case.queue.holds(case.ask):
        assert len(case.queue.waiting) < case.rules.queue_length


def who_waits_is_told_a_time_and_looked_at_again(case: Case) -> None:
    if isinstance(decision := case.decision, Wait):
        assert NOW < decision.again_at <= case.ask.deadline
        assert 0 <= decision.seconds < math.inf
        assert 1 <= decision.position <= len(case.queue.waiting) + 1


def a_refusal_says_when_to_come_again_where_that_can_help(case: Case) -> None:
    if isinstance(decision := case.decision, Refuse):
        if decision.status in (429, 503):
            assert decision.retry_after is not None and decision.retry_after >= 1
        else:
            assert decision.retry_after is None
        assert decision.code and decision.message.endswith(".")


def the_client_is_blamed_only_for_what_no_backend_can_or_may_do(case: Case) -> None:
    if isinstance(decision := case.decision, Refuse) and decision.status == 400:
        able = [each for each in in_question(case.ask, case.pool) if each.able(case.ask)]
        assert not any(each.tier in ("local", "lan") for each in able)
        rules = case.rules
        closed = case.ask.burst == "never" or not rules.burst_allowed or not rules.key_may_burst
        assert not able or closed or all(each.price is None for each in able)


@settings(max_examples=200, deadline=None)
@given(POOLS, RULES, QUEUES)
def test_what_is_dispatched_fits_and_leaves_nothing_to_dispatch(
    pool: Pool, rules: Rules, queue: Queue
) -> None:
    settled = dispatch(pool, lambda _: rules, queue, NOW)
    first = next(queue.in_turn(), None)
    if first and not isinstance(decision := decide(first, pool, rules, queue, NOW), Wait):
        assert settled[0] == (first, decision)
    sent = [done for _, done in settled if isinstance(done, Send)]
    assert sum(done.most_usd for done in sent) <= max(Decimal(0), rules.budget_left)
    for ask, done in settled:
        queue = queue.sent(ask) if isinstance(done, Send) else queue.left(ask)
        if isinstance(done, Send):
            pool = with_in_flight(pool, done.backend, +1)
    assert all(b.in_flight <= max(4, b.slots) for b in pool.backends)
    left = replace(rules, budget_left=rules.budget_left - sum(done.most_usd for done in sent))
    assert not any(isinstance(done, Send) for _, done in dispatch(pool, lambda _: left, queue, NOW))


def with_in_flight(pool: Pool, backend: str, more: int) -> Pool:
    backends = [replace(b, in_flight=b.in_flight + more * (b.id == backend)) for b in pool.backends]
    return replace(pool, backends=tuple(backends))


class FrontDoor(RuleBasedStateMachine):
    """Keys that come and wait, slots that become free: the whole of the policy, as it is to be used."""

    RULES = Rules(queue_length=8)
    SLOTS = 3

    def __init__(self) -> None:
        super().__init__()
        self.pool = a_pool(a_backend("one", slots=1), a_backend("two", "lan", slots=self.SLOTS - 1))
        self.queue = Queue()
        self.running: list[str] = []
        self.passed: dict[str, set[str]] = {}
        """Key that waits -> keys sent since it waits, or since it was sent the last time."""

    def send(self, ask: Ask, backend: str) -> None:
        assert all(ask.key not in seen for key, seen in self.passed.items() if key != ask.key)
        for key, seen in self.passed.items():
            if key != ask.key:
                seen.add(ask.key)
        self.passed.pop(ask.key, None)
        self.queue = self.queue.sent(ask)
        if ask.key in self.queue.turns:
            self.passed[ask.key] = set()
        self.pool = with_in_flight(self.pool, backend, +1)
        self.running.append(backend)

    @rule(key=st.sampled_from("abcd"), prefix=st.sampled_from([b"", b"x"]))
    def comes(self, key: str, prefix: bytes) -> None:
        ask = an_ask(key, prefix=prefix)
        decision = decide(ask, self.pool, self.RULES, self.queue, NOW)
        if isinstance(decision, Send):
            self.send(ask, decision.backend)
        elif isinstance(decision, Wait):
            self.queue = self.queue.joined(ask)
            self.passed.setdefault(key, set())
        else:
            assert decision.status == 429

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 9))
    def ends(self, which: int) -> None:
        backend = self.running.pop(which % len(self.running))
        self.pool = with_in_flight(self.pool, backend, -1)
        for ask, decision in dispatch(self.pool, lambda _: self.RULES, self.queue, NOW):
            assert isinstance(decision, Send)
            self.send(ask, decision.backend)

    @precondition(lambda self: self.queue.waiting)
    @rule(which=st.integers(0, 9))
    def gives_up(self, which: int) -> None:
        ask = self.queue.waiting[which % len(self.queue.waiting)]
        self.queue = self.queue.left(ask)
        if ask.key not in self.queue.turns:
            del self.passed[ask.key]

    @invariant()
    def nobody_waits_beside_a_free_slot(self) -> None:
        assert len(self.running) == self.SLOTS or not self.queue.waiting
        assert len(self.queue.waiting) <= self.RULES.queue_length
        assert all(0 <= each.in_flight <= each.slots for each in self.pool.backends)


FrontDoor.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestFrontDoor = FrontDoor.TestCase
