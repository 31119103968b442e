"""What the owner of the machines sees happen, case by case."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, State
from kanoa_mlops.gateway.policy.decide import decide, dispatch
from kanoa_mlops.gateway.policy.decision import Decision, Refuse, Send, Wait
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.queue import Queue
from kanoa_mlops.gateway.policy.refusals import unknown_model
from kanoa_mlops.gateway.policy.rules import Rules
from tests.gateway.policy.make import NOW, OPEN, TEXT, a_backend, a_pool, an_ask

CLOSED = Rules()
BUSY: dict[str, Any] = {"in_flight": 1, "service_seconds": 30.0}


def decided(
    pool: Pool, ask: Ask | None = None, rules: Rules = CLOSED, queue: Queue | None = None, now: float = NOW
) -> Decision:
    return decide(ask or an_ask(), pool, rules, queue or Queue(), now)


def waiting(*asks: Ask) -> Queue:
    queue = Queue()
    for ask in asks:
        queue = queue.joined(ask)
    return queue


# Near.


def test_the_nearest_tier_goes_first_and_in_it_the_least_loaded() -> None:
    pool = a_pool(
        a_backend("lan", "lan", slots=8),
        a_backend("big", slots=4, in_flight=2),
        a_backend("small", slots=2),
    )
    assert decided(pool) == Send("small", "nearest")
    full = a_pool(pool.backends[0], replace(pool.backends[1], in_flight=4), a_backend("small", in_flight=1))
    assert decided(full) == Send("lan", "nearest")


def test_load_is_counted_against_slots() -> None:
    pool = a_pool(a_backend("one", slots=2, in_flight=1), a_backend("many", slots=16, in_flight=7))
    assert decided(pool) == Send("many", "nearest")


def test_a_beginning_that_was_seen_goes_where_it_was_seen() -> None:
    pool = a_pool(*(a_backend(name, slots=8) for name in "abcd"))
    sent = {decided(pool, an_ask(prefix=b"a system text")) for _ in range(3)}
    assert len(sent) == 1
    assert next(iter(sent)).why == "affinity"  # type: ignore[union-attr]


def test_one_on_trial_is_not_tried_while_a_sound_one_is_free() -> None:
    pool = a_pool(a_backend("trial", probing=True), a_backend("sound", slots=2, in_flight=1))
    assert decided(pool) == Send("sound", "nearest")
    assert decided(a_pool(pool.backends[0], a_backend("sound", in_flight=1))) == Send("trial", "nearest")


# What is needed.


def test_an_image_goes_past_a_free_backend_that_does_not_see() -> None:
    pool = a_pool(a_backend("blind", abilities=TEXT), a_backend("seeing", "lan"))
    assert decided(pool, an_ask(images=True)) == Send("seeing", "nearest")
    assert decided(pool, an_ask()) == Send("blind", "nearest")


def test_a_prompt_too_long_for_what_is_near_bursts_at_once() -> None:
    long = Abilities(131_072)
    pool = a_pool(a_backend("near", abilities=Abilities(8192)), a_backend("far", "hosted", abilities=long))
    ask = an_ask(prompt_tokens=20_000, max_answer_tokens=1000)
    assert decided(pool, ask, OPEN) == Send("far", "burst_unable", Decimal("0.0036"))
    assert decided(pool, ask, CLOSED) == Refuse(
        400,
        "context_length_exceeded",
        "The request has about 20000 tokens, and m takes 8192 here, prompt and answer together. Send less, "
        "or serve the model with a longer context. Hosted capacity could, but the owner has not allowed it.",
    )


@pytest.mark.parametrize(
    ("asks", "code", "words"),
    [
        ({"images": True}, "images_not_supported", "takes no images"),
        ({"tools": True}, "tools_not_supported", "calls no tools"),
        ({"structured": True}, "structured_output_not_supported", "follows no schema"),
        ({"prompt_tokens": 5000}, "context_length_exceeded", "4096"),
    ],
)
def test_what_nobody_can_do_is_the_clients_fault(asks: dict[str, int], code: str, words: str) -> None:
    refusal = decided(a_pool(a_backend(abilities=Abilities(4096))), an_ask(**asks))  # type: ignore[arg-type]
    assert isinstance(refusal, Refuse)
    assert (refusal.status, refusal.code, refusal.retry_after) == (400, code, None)
    assert words in refusal.message


def test_of_several_needs_the_one_is_named_that_no_backend_joins_to_those_before() -> None:
    seeing, calling = Abilities(4096, sees=True), Abilities(4096, tools=True)
    pool = a_pool(a_backend("a", abilities=seeing), a_backend("b", abilities=calling))
    refusal = decided(pool, an_ask(images=True, tools=True))
    assert isinstance(refusal, Refuse) and refusal.code == "tools_not_supported"


def test_a_name_that_nobody_serves_is_told_with_what_is_served() -> None:
    pools = (Pool("smolvlm-2b", (), ("vision",)), Pool("gpt-oss-20b", ()))
    assert unknown_model("gpt-oss-120b", pools) == Refuse(
        404,
        "model_not_found",
        "The model 'gpt-oss-120b' is not served here. Did you mean gpt-oss-20b? "
        "Served: smolvlm-2b, gpt-oss-20b.",
    )
    assert "names no model" in unknown_model(None, pools).message
    assert unknown_model("x", ()).message.endswith("Served: nothing.")


# Waiting.


def test_a_full_backend_is_waited_for() -> None:
    pool = a_pool(a_backend(slots=2, in_flight=2, service_seconds=30))
    assert decided(pool) == Wait(1, 15, NOW + 60)
    queue = waiting(an_ask("bob"), an_ask("bob"), an_ask("ann"))
    # By turns: bob, ann, bob, and this second one of ann's.
    assert decided(pool, queue=queue) == Wait(4, 60, NOW + 60)
    assert decided(pool, an_ask("eve"), queue=queue) == Wait(3, 45, NOW + 60)


def test_a_free_slot_goes_to_whose_turn_it_is() -> None:
    first, second = an_ask("ann"), an_ask("bob")
    pool, queue = a_pool(a_backend(service_seconds=30)), waiting(first, second)
    assert decided(pool, first, queue=queue) == Send("a", "nearest")
    assert decided(pool, second, queue=queue) == Wait(2, 30, NOW + 60)
    assert dispatch(pool, lambda _: CLOSED, queue, NOW) == ((first, Send("a", "nearest")),)


def test_who_waits_for_another_backend_holds_up_nobody() -> None:
    blocked = an_ask("ann", images=True)
    pool = a_pool(a_backend("seeing", **BUSY), a_backend("blind", abilities=TEXT))
    assert decided(pool, an_ask("ann"), queue=waiting(blocked)) == Send("blind", "nearest")


def test_the_wait_counts_only_those_who_want_the_same() -> None:
    texts = [an_ask("ann") for _ in range(8)]
    pool = a_pool(
        a_backend("seeing", **BUSY), a_backend("blind", abilities=TEXT, in_flight=1, service_seconds=1)
    )
    wait = decided(pool, an_ask("bob", images=True), queue=waiting(*texts))
    assert isinstance(wait, Wait) and wait.seconds == 30


def test_a_backend_that_loads_is_waited_for_until_it_is_loaded() -> None:
    pool = a_pool(a_backend(state=State("loading", until=NOW + 20)))
    assert decided(pool) == Wait(1, 20, NOW + 20)
    assert decided(a_pool(a_backend(state=State("unknown")))) == Wait(1, 30, NOW + 60)


def test_a_backend_that_sleeps_is_woken() -> None:
    pool = a_pool(a_backend(state=State("asleep"), wakes_in=12))
    assert decided(pool) == Wait(1, 12, NOW + 60, Send("a", "nearest"))
    by_itself = a_pool(a_backend(state=State("asleep", until=NOW + 8)))
    assert decided(by_itself) == Wait(1, 8, NOW + 8)
    nobody_can = decided(a_pool(a_backend(state=State("asleep"))))
    assert isinstance(nobody_can, Refuse) and nobody_can.code == "model_asleep"


def test_a_full_queue_refuses_until_those_in_it_are_served() -> None:
    pool = a_pool(a_backend(in_flight=1, service_seconds=7))
    queue = waiting(an_ask("bob"), an_ask("bob"))
    assert decided(pool, rules=Rules(queue_length=2), queue=queue) == Refuse(
        429, "queue_full", "m is busy and 2 requests wait, 0 of them of this key; no more may.", 14
    )
    # One that waits already stays.
    assert isinstance(decided(pool, queue.waiting[0], Rules(queue_length=1), queue), Wait)


def test_at_the_deadline_waiting_ends() -> None:
    ask = an_ask(deadline=NOW + 5)
    busy, loading = a_backend(**BUSY), a_backend(state=State("loading", "reads 12 GiB"))
    assert decided(a_pool(busy), ask, queue=waiting(ask), now=NOW + 5) == Refuse(
        429,
        "queue_timeout",
        "m: the request waited for 5 s, as long as it may; a is busy with 1 requests.",
        30,
    )
    assert decided(a_pool(loading), ask, queue=waiting(ask), now=NOW + 5) == Refuse(
        503,
        "queue_timeout",
        "m: the request waited for 5 s, as long as it may; a is loading (reads 12 GiB).",
        30,
    )
    assert decided(a_pool(a_backend()), ask, queue=waiting(ask), now=NOW + 5) == Send("a", "nearest")


# Nobody answers.


def test_what_is_down_is_told_with_its_reason_and_when_it_is_tried_again() -> None:
    pool = a_pool(a_backend(state=State("down", "connection refused", NOW + 3.2)))
    assert decided(pool) == Refuse(
        503, "model_down", "m cannot answer now: a is down (connection refused).", 4
    )


def test_where_nobody_knows_when_a_minute_is_said() -> None:
    pool = a_pool(a_backend(state=State("down")), a_backend("b", state=State("auth_error", "HTTP 401")))
    assert decided(pool) == Refuse(
        503, "no_backend_ready", "m cannot answer now: a is down; b is auth error (HTTP 401).", 60
    )


def test_a_providers_words_are_not_for_clients() -> None:
    told = State("exhausted", "HTTP 402", NOW + 1e6, "organization org_01 has no credit")
    refusal = decided(a_pool(a_backend("far", "hosted", state=told)), rules=OPEN)
    assert isinstance(refusal, Refuse)
    assert refusal.message == "m cannot answer now: far is exhausted (HTTP 402)."


def test_a_limit_that_ends_in_time_is_waited_for_and_a_later_one_is_not() -> None:
    def limited(until: float) -> Pool:
        return a_pool(a_backend("h", "hosted", state=State("rate_limited", "30 a minute", until)))

    assert decided(limited(NOW + 8), rules=OPEN) == Wait(1, 8, NOW + 8)
    refusal = decided(limited(NOW + 3600), rules=OPEN)
    assert isinstance(refusal, Refuse) and (refusal.status, refusal.retry_after) == (503, 3600)


# Beyond the LAN.

LOCAL_AND_HOSTED = a_pool(a_backend("near", **BUSY), a_backend("far", "hosted", slots=4))
ASK = an_ask(prompt_tokens=1000, max_answer_tokens=1000)
COST = Decimal("0.00075")


def test_a_wait_beyond_the_threshold_bursts_and_a_shorter_one_does_not() -> None:
    assert decided(LOCAL_AND_HOSTED, ASK, OPEN) == Send("far", "burst_wait", COST)
    patient = replace(OPEN, burst_after=40)
    assert decided(LOCAL_AND_HOSTED, ASK, patient) == Wait(1, 30, NOW + 10)
    # What it has waited counts, so that an engine that never ends anything is left.
    assert decided(LOCAL_AND_HOSTED, ASK, patient, now=NOW + 10) == Send("far", "burst_wait", COST)


def test_a_free_local_one_is_taken_however_near_the_threshold_is() -> None:
    pool = a_pool(a_backend("near"), a_backend("far", "hosted", price=FREE))
    assert decided(pool, rules=replace(OPEN, burst_after=0)) == Send("near", "nearest")


@pytest.mark.parametrize(
    ("burst", "rules", "reason"),
    [
        ("never", OPEN, "the request forbids it"),
        ("allow", replace(OPEN, burst_allowed=False), "the owner has not allowed it"),
        ("allow", replace(OPEN, key_may_burst=False), "this key may not use it"),
        (
            "allow",
            replace(OPEN, budget_left=Decimal("0.0007")),
            "it can cost $0.0008, and $0.0007 of the budget is left",
        ),
    ],
)
def test_without_leave_or_money_it_waits_and_where_nothing_is_left_says_why(
    burst: str, rules: Rules, reason: str
) -> None:
    ask = replace(ASK, burst=burst)  # type: ignore[arg-type]
    assert decided(LOCAL_AND_HOSTED, ask, rules) == Wait(1, 30, NOW + 60)
    down = a_pool(a_backend("near", state=State("down")), LOCAL_AND_HOSTED.backends[1])
    refusal = decided(down, ask, rules)
    assert isinstance(refusal, Refuse) and refusal.status == 503
    assert refusal.message.endswith(f"Hosted capacity is not used: {reason}.")


def test_a_spent_budget_is_told_with_the_time_of_the_next() -> None:
    rules = replace(OPEN, budget_left=Decimal(0), budget_renewed_at=NOW + 7200, budget_renewed_on=1795910400)
    assert decided(a_pool(LOCAL_AND_HOSTED.backends[1]), ASK, rules) == Refuse(
        429,
        "budget_spent",
        "Not sent to hosted capacity: it can cost $0.0008, and $0.0000 of the budget is left; "
        "it begins anew at 2026-11-29 00:00 UTC.",
        7200,
    )


def test_what_is_free_needs_no_budget() -> None:
    pool = a_pool(a_backend("far", "hosted", price=FREE))
    assert decided(pool, rules=replace(OPEN, budget_left=Decimal(-1))) == Send("far", "burst_unable")


def test_what_has_no_price_is_not_used() -> None:
    refusal = decided(a_pool(a_backend("far", "hosted", price=None)), rules=OPEN)
    assert refusal == Refuse(
        400, "burst_not_allowed", "Hosted capacity is not used: no price is set for far."
    )


def test_the_cheapest_hosted_one_goes_first_until_it_is_full() -> None:
    dear, free = a_backend("dear", "hosted"), a_backend("free", "hosted", price=FREE)
    assert decided(a_pool(dear, free), ASK, OPEN) == Send("free", "burst_unable")
    full = replace(free, in_flight=1)
    assert decided(a_pool(dear, full), ASK, OPEN) == Send("dear", "burst_unable", COST)


def test_cloud_goes_before_hosted() -> None:
    pool = a_pool(a_backend("h", "hosted", price=FREE), a_backend("c", "cloud", price=FREE))
    assert decided(pool, rules=OPEN) == Send("c", "burst_unable")


def test_a_local_one_that_sleeps_is_woken_while_a_hosted_one_answers() -> None:
    asleep = a_backend("near", state=State("asleep"), wakes_in=90)
    pool = a_pool(asleep, LOCAL_AND_HOSTED.backends[1])
    assert decided(pool, ASK, OPEN) == Send("far", "burst_wait", COST, wake="near")


def test_a_cloud_machine_that_is_off_is_woken_only_with_leave() -> None:
    pool = a_pool(a_backend("near", **BUSY), a_backend("vm", "cloud", state=State("asleep"), wakes_in=20))
    assert decided(pool, ASK, OPEN) == Wait(1, 20, NOW + 60, Send("vm", "burst_wait", COST))
    assert decided(pool, rules=CLOSED) == Wait(1, 30, NOW + 60)


def test_require_means_hosted_although_a_local_one_is_free() -> None:
    pool = a_pool(a_backend("near"), a_backend("vm", "cloud"), a_backend("far", "hosted"))
    ask = replace(ASK, burst="require")
    assert decided(pool, ask, OPEN) == Send("far", "required", COST)
    assert decided(pool, ask, CLOSED) == Refuse(
        400, "burst_not_allowed", "Hosted capacity is not used: the owner has not allowed it."
    )
    assert decided(a_pool(a_backend("near")), ask, OPEN) == Refuse(
        400, "no_such_backend", "m has no hosted backend."
    )


def test_the_queue_is_dispatched_near_first_and_then_as_far_as_it_may_go() -> None:
    asks = [an_ask(key) for key in ("ann", "ann", "bob", "cyd")]
    pool = a_pool(a_backend("near", service_seconds=30), a_backend("far", "hosted", price=FREE))
    settled = dispatch(pool, lambda ask: OPEN if ask.key == "ann" else CLOSED, waiting(*asks), NOW)
    assert settled == ((asks[0], Send("near", "nearest")), (asks[1], Send("far", "burst_wait")))


def test_what_is_dispatched_together_is_paid_from_one_budget() -> None:
    asks = [replace(ASK, id=name) for name in ("first", "second", "third")]
    rules = replace(OPEN, budget_left=2 * COST)
    settled = dispatch(a_pool(LOCAL_AND_HOSTED.backends[1]), lambda _: rules, waiting(*asks), NOW)
    assert [type(done) for _, done in settled] == [Send, Send, Refuse]
