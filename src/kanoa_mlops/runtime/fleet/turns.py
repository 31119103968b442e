"""Whose turn it is where not all models fit at once: a pure decision from what everyone does now.

Loading a model costs seconds to minutes. Taking turns too often is all loading and no answers, too seldom is
waiting for ever. The rules:

1. A loaded model answers at once. One that is not waits, in the order in which models were first asked for.
   Where it fits beside those loaded, it is loaded, also before its turn where it takes no room from those
   before it: it slips in. Else others go: those whose turn ends first, of these the ones used longest ago; as
   few as make room, never one that is pinned and never one with work in flight.
2. A loaded model keeps its turn while it has work, and lingers after its last answer, since the next question
   often follows at once. That is ski rental: to rent is to let others wait, to buy is to give way and be
   loaded again. Lingering for as long as a load takes costs at most twice what knowing the future would. Once
   it has been seen how long its questions stay away, it lingers for the time that would have cost least.
3. A turn is bounded: `_TURN_LOADS` times what loading took, `_LONGEST_TURN_SECONDS` at most. When it is over
   and another needs the room, the model drains: it finishes what it has, and what comes queues behind. Those
   that go together drain together, and go on with it until they go.

Hence the bounds, where loads succeed and nobody leaves the queue. With T the longest turn, D the longest
answer, L the longest load and n models:

* Where only one fits at a time, a request waits for D + (n - 1) (T + D + L) + L at most: each other model has
  one load, one turn and one drain, since its next request queues behind.
* Where smaller ones slip in, it waits for n (T + D + 3 L) at most: before each load one that slips in may be
  under way when the turn ends, and another when the drain does.
* While all have work, at most one second in `_TURN_LOADS` + 1 goes on loading, unless a load takes so long
  that its turn is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Room = Callable[[frozenset[str]], bool]
"""Whether these models can be loaded together. Pure; what fits fits with fewer, too."""

_TURN_LOADS = 4
_LONGEST_TURN_SECONDS = 300.0
"""Clients give up after ten minutes."""
_LINGERS = (0.1, 0.25, 0.5, 1.0)
"""How long to linger, in loads. Never not at all: a client takes a moment between two questions."""
_FEWEST_ABSENCES = 3


@dataclass(frozen=True)
class Standing:
    """One model as it stands. Times are seconds of one clock."""

    name: str
    pinned: bool = False
    """Once loaded, it stays."""
    loaded_at: float | None = None
    """None while it is not loaded."""
    load_seconds: float = 0.0
    """What loading took the last time, with making room for it."""
    in_flight: int = 0
    draining: bool = False
    """As it was decided the last time."""
    used_at: float = 0.0
    """When it last had work, or was loaded."""
    absences: tuple[float, ...] = ()
    """How long its questions lately stayed away, each from the last answer to the next question."""
    waiting_since: float | None = None
    """When the oldest request that waits for it came."""
    stuck: bool = False
    """Was told to end and has not; it takes its room and answers nothing."""

    @property
    def gives_way_at(self) -> float:
        """When it may be made to go, or to drain where it has work."""
        assert self.loaded_at is not None, "only a loaded model has a turn"
        over = self.loaded_at + min(_TURN_LOADS * self.load_seconds, _LONGEST_TURN_SECONDS)
        return over if self.in_flight else min(over, self.used_at + linger(self.load_seconds, self.absences))


@dataclass(frozen=True)
class Decision:
    """What to do now. At most one of `load` and `hopeless` is there."""

    load: str = ""
    unload: frozenset[str] = frozenset()
    """Before loading."""
    drain: frozenset[str] = frozenset()
    """They finish what they have and get nothing new."""
    hopeless: str = ""
    """No room can be made for this one."""
    again_at: float = math.inf
    """When to decide again, if nothing happens before."""


def decide(models: Sequence[Standing], room: Room, now: float, idle_seconds: float | None = None) -> Decision:
    """Who is loaded, who goes, who drains.

    Args:
        idle_seconds: unload what had no work for so long; None keeps it.
    """
    waiting = [each for each in models if each.loaded_at is None and each.waiting_since is not None]
    if not waiting:
        return _expire(models, now, idle_seconds)
    first, *others = sorted(waiting, key=_waiting_since)
    going = _make_room(first, models, room, now)
    if going is None:
        return Decision(hopeless=first.name)
    opens_at = max((each.gives_way_at for each in going), default=now)
    names = frozenset(each.name for each in going)
    if opens_at <= now and not any(each.in_flight for each in going):
        return Decision(load=first.name, unload=names)
    return Decision(
        load=_slip_in(first, others, models, names, room),
        # Also those that are idle already: while one takes new work, the other one ends its own, for ever.
        drain=names if opens_at <= now else frozenset(),
        again_at=opens_at if opens_at > now else math.inf,
    )


def linger(load_seconds: float, absences: Sequence[float]) -> float:
    """How long to keep a model that has no work while others wait, in seconds."""
    if len(absences) < _FEWEST_ABSENCES:
        return load_seconds

    def cost(seconds: float) -> float:
        return sum(each if each <= seconds else seconds + load_seconds for each in absences)

    # The longer of two that cost the same: what comes is never quite what was.
    return min((share * load_seconds for share in reversed(_LINGERS)), key=cost)


def _make_room(
    wanted: Standing, models: Iterable[Standing], room: Room, now: float
) -> tuple[Standing, ...] | None:
    """Whom to unload, as few as it takes, those first that may go first. None where it takes more."""
    there = [each for each in models if each.loaded_at is not None or each.stuck]
    candidates = [each for each in there if not each.pinned and not each.stuck]
    candidates.sort(key=lambda each: _rank(each, now))

    def fits_without(gone: Iterable[Standing]) -> bool:
        names = {each.name for each in gone}
        return room(frozenset(each.name for each in there if each.name not in names) | {wanted.name})

    if wanted.stuck or not fits_without(candidates):
        return None
    going: list[Standing] = []
    while not fits_without(going):
        going.append(candidates[len(going)])
    for each in reversed(going):  # the last used first
        if fits_without(fewer := [other for other in going if other is not each]):
            going = fewer
    return tuple(going)


def _rank(model: Standing, now: float) -> tuple[float, bool, bool, float]:
    """The least goes first. Who drains goes on draining, else all take turns in that and none gets done."""
    return max(model.gives_way_at, now), model.in_flight > 0, not model.draining, model.used_at


def _slip_in(
    first: Standing, others: Iterable[Standing], models: Iterable[Standing], going: frozenset[str], room: Room
) -> str:
    """One behind the first that can be loaded meanwhile: it fits now, and still when the first has come."""
    there = frozenset(each.name for each in models if each.loaded_at is not None or each.stuck)
    for each in others:
        if room(there | {each.name}) and room(there - going | {first.name, each.name}) and not each.stuck:
            return each.name
    return ""


def _expire(models: Iterable[Standing], now: float, idle_seconds: float | None) -> Decision:
    if idle_seconds is None:
        return Decision()
    idle = [each for each in models if each.loaded_at is not None and not each.in_flight and not each.pinned]
    ends = {each.name: each.used_at + idle_seconds for each in idle}
    return Decision(
        unload=frozenset(name for name, end in ends.items() if end <= now),
        again_at=min((end for end in ends.values() if end > now), default=math.inf),
    )


def _waiting_since(model: Standing) -> float:
    assert model.waiting_since is not None
    return model.waiting_since
