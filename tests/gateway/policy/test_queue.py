from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.policy.queue import Queue
from tests.gateway.policy.make import an_ask


def queue_of(*keys: str) -> Queue:
    queue = Queue()
    for key in keys:
        queue = queue.joined(an_ask(key))
    return queue


def order(queue: Queue) -> str:
    return "".join(ask.key for ask in queue.in_turn())


def drain(queue: Queue) -> str:
    """The keys as they are sent, one after another."""
    sent = ""
    while ask := next(queue.in_turn(), None):
        sent += ask.key
        queue = queue.sent(ask)
    return sent


def test_keys_take_turns() -> None:
    queue = queue_of(*"aaabbc")
    assert order(queue) == "abcaba"
    assert drain(queue) == "abcaba"


def test_within_a_key_the_first_come_are_first() -> None:
    first, second = an_ask("a"), an_ask("a")
    queue = Queue().joined(first).joined(an_ask("b")).joined(second)
    assert [ask.id for ask in queue.in_turn() if ask.key == "a"] == [first.id, second.id]


def test_who_comes_late_waits_for_one_of_each_other_key_at_most() -> None:
    queue = queue_of(*"aaaaabbbbb")
    queue = queue.sent(next(queue.in_turn())).joined(an_ask("c"))
    assert drain(queue).startswith("bac")


def test_who_goes_without_an_answer_keeps_the_turn_of_its_key() -> None:
    gone = an_ask("a")
    queue = Queue().joined(gone).joined(an_ask("b")).joined(an_ask("a"))
    assert order(queue.left(gone)) == "ab"
    alone = Queue().joined(gone)
    assert alone.left(gone) == Queue()


def test_one_sent_without_waiting_had_its_keys_turn_too() -> None:
    queue = queue_of(*"abb")
    assert order(queue.sent(an_ask("a"))) == "bab"


def test_one_key_leaves_room_for_the_next() -> None:
    queue = Queue()
    while queue.has_room(an_ask("a"), 64):
        queue = queue.joined(an_ask("a"))
    assert len(queue.waiting) == 52
    assert queue.has_room(an_ask("b"), 64)
    assert not queue.has_room(an_ask("a"), 64)


@given(st.integers(0, 12), st.text("abc", max_size=40))
def test_the_queue_is_never_longer_than_allowed(length: int, keys: str) -> None:
    queue = Queue()
    for key in keys:
        if queue.has_room(ask := an_ask(key), length):
            queue = queue.joined(ask)
    assert len(queue.waiting) <= length
    assert bool(queue.waiting) == bool(length and keys)


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcd")), max_size=60))
def test_nobody_is_sent_twice_while_another_waits(course: list[str | None]) -> None:
    """None sends the next one; a letter joins."""
    queue = Queue()
    passed: dict[str, set[str]] = {}  # key that waits -> keys sent meanwhile
    for step in course:
        if step is not None:
            queue = queue.joined(an_ask(step))
            passed.setdefault(step, set())
        elif ask := next(queue.in_turn(), None):
            for waiting, seen in passed.items():
                assert waiting == ask.key or ask.key not in seen
                seen.add(ask.key)
            queue = queue.sent(ask)
            del passed[ask.key]
            if ask.key in queue.turns:
                passed[ask.key] = set()
    assert set(passed) == set(queue.turns)
