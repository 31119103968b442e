"""An option with its numbers settled: context, requests at once, cards, and what stays in slow memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.planner.budget import Budget, Verdict
from kanoa_mlops.planner.capacity import pools, vllm_utilization
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.llama import llama_lines
from kanoa_mlops.planner.options import Option
from kanoa_mlops.planner.setup import Setup, least_batch
from kanoa_mlops.planner.speed import Speed, speed
from kanoa_mlops.planner.vllm import request_bytes, vllm_lines
from kanoa_mlops.planner.wish import CacheType, Wish

# More is slow to fill and seldom asked for; a person may.
_CONTEXTS = {"gpu": 32768, "unified": 32768, "cpu": 8192}
_LADDER = (16384, 8192, 4096, 2048)
# What is embedded or ranked is a piece of a document; a longer text takes a larger graph, mostly for nothing.
_TEXT_CONTEXT = 2048
_TEXT_LADDER = (1024, 512)
ROOMY_CONTEXT = 8192
"""Enough for figures with tables."""
# Decoding waits for memory, so a batch of four costs little more than one. vLLM pages its cache, so
# slots are nearly free there.
_SLOTS = (4, 2, 1)
_PAGED_SLOTS = (16, 4, 1)


@dataclass(frozen=True)
class Candidate:
    setup: Setup
    budget: Budget
    verdict: Verdict
    machine: Machine
    concurrency: float
    """Requests of full length that the cache holds at once."""
    measured_decode: Estimate | None = None
    """Tokens a second, where this very case was measured on this machine."""

    @property
    def rank(self) -> int:
        """Of the engine on this kind of device; 1 is the fastest."""
        device = "cpu" if self.setup.place == "cpu" else self.machine.accelerators[0].vendor
        return self.setup.engine.devices[device]

    @cached_property
    def speed(self) -> Speed:
        estimated = speed(self.setup, self.machine)
        if self.measured_decode is None:
            return estimated
        basis = "measured here; the first token: " + estimated.basis
        return replace(estimated, decode=self.measured_decode, basis=basis)

    @property
    def roomy(self) -> bool:
        """Fits with room for figures with tables and a second request, as far as the model goes."""
        enough = _enough(self.setup.model)
        return self.verdict is Verdict.FITS and self.setup.context >= enough and self.concurrency >= 2


def settle(option: Option, model: Model, machine: Machine, wish: Wish, cards: int = 1) -> Candidate:
    """The roomiest setup of this option that fits; where none does, the nearest to it."""
    first = _first(option, model, machine, wish, cards)
    *roomier, least_rung = _rungs(option, model, wish)
    least = evaluate(_at(first, least_rung), machine, wish)
    if least.verdict is Verdict.NO:
        return _with_more(option, model, machine, wish, least)
    for rung in roomier:
        candidate = evaluate(_at(first, rung), machine, wish)
        if candidate.verdict is Verdict.FITS:
            return candidate
    return least


def evaluate(setup: Setup, machine: Machine, wish: Wish) -> Candidate:
    if setup.engine.id == "vllm":
        return _evaluate_paged(setup, machine, wish)
    budget = Budget(tuple(llama_lines(setup)), pools(setup, machine))
    return Candidate(setup, budget, budget.verdict, machine, setup.sequences)


def _evaluate_paged(setup: Setup, machine: Machine, wish: Wish) -> Candidate:
    """vLLM starts when one request of full length fits; the rest of its share holds more of them."""
    one = Budget(tuple(vllm_lines(setup, 1)), pools(setup, machine))
    pool = one.pools[0]
    each = request_bytes(setup)
    if not each:  # nothing is kept of a request, so all that may come at once can be held
        return Candidate(setup, one, one.verdict, machine, setup.sequences)
    spare = pool.capacity - one.need("device").expected
    concurrency = max(0.0, 1 + spare / each)
    verdict = one.verdict
    held = max(1, min(setup.sequences, int(1 + (pool.capacity - one.need("device").high) / each)))
    if verdict is Verdict.FITS and wish.sequences is not None and held < wish.sequences:
        verdict = Verdict.TIGHT
    budget = one if held == 1 else Budget(tuple(vllm_lines(setup, held)), one.pools)
    return Candidate(setup, budget, verdict, machine, concurrency)


def _rungs(option: Option, model: Model, wish: Wish) -> list[tuple[int, int]]:
    """(context, requests at once), the roomiest first.

    A second request comes before a context beyond the roomy one, and that context before the second request.
    """
    chats = model.kind == "chat"
    longest = min(model.architecture.context, _CONTEXTS[option.place] if chats else _TEXT_CONTEXT)
    contexts = [longest, *(size for size in (_LADDER if chats else _TEXT_LADDER) if size < longest)]
    if wish.context is not None:
        contexts = [wish.context]
    slots = _PAGED_SLOTS if option.engine.id == "vllm" else _SLOTS
    most = option.support.most_sequences or max(slots)
    counts = [wish.sequences] if wish.sequences is not None else [min(count, most) for count in slots]
    rungs = [(context, count) for context in contexts for count in counts]
    roomy = _enough(model)
    return sorted(rungs, key=lambda rung: (rung[0] < roomy, rung[0] >= roomy and rung[1] < 2))


def _enough(model: Model) -> int:
    """Tokens of context for what it is mostly asked."""
    return min(ROOMY_CONTEXT if model.kind == "chat" else _TEXT_CONTEXT, model.architecture.context)


def _at(setup: Setup, rung: tuple[int, int]) -> Setup:
    return replace(setup.with_context(rung[0]), sequences=rung[1])


def _first(option: Option, model: Model, machine: Machine, wish: Wish, cards: int) -> Setup:
    paged = option.engine.id == "vllm"
    batch = wish.batch or least_batch(option.engine)
    utilization = wish.utilization or (vllm_utilization(option.engine, machine) if paged else 0.0)
    return Setup(
        model=model,
        weights=option.weights,
        quantization=option.quantization,
        engine=option.engine,
        support=option.support,
        place=option.place,
        gpus=cards,
        context=0,
        sequences=0,
        images=wish.images if wish.images is not None else int(model.sees),
        cache_type=_cache_type(wish, model, paged),
        batch=batch,
        # On a processor vLLM compiles for minutes at each start, and answers no faster for it.
        eager=wish.eager or (paged and option.place == "cpu"),
        utilization=utilization,
    )


def _cache_type(wish: Wish, model: Model, paged: bool) -> CacheType:
    if wish.cache_bits != 8 or not model.architecture.causal:
        return "f16"
    return "fp8" if paged else "q8_0"


def _with_more(option: Option, model: Model, machine: Machine, wish: Wish, least: Candidate) -> Candidate:
    """Several cards where there are, then part of the model in the machine's memory."""
    cards = most_cards(option, model, machine)
    if cards > least.setup.gpus:
        return settle(option, model, machine, wish, cards)
    if option.place == "gpu" and option.engine.id != "vllm" and wish.offload:
        return _offloaded(least, wish)
    return least


def most_cards(option: Option, model: Model, machine: Machine) -> int:
    """Cards that can share the model: vLLM divides attention heads, llama.cpp whole layers."""
    count = len(machine.accelerators)
    if option.engine.id != "vllm":
        return count
    return max((cards for cards in range(1, count + 1) if model.architecture.heads % cards == 0), default=1)


def _offloaded(least: Candidate, wish: Wish) -> Candidate:
    """As much as fits on the card; experts leave it before whole layers do, since few are used at a time.

    With the context that figures with tables want, where there is a way to have it.
    """
    layers = least.setup.model.architecture.layers
    roomy = least.setup.with_context(wish.context or max(_enough(least.setup.model), least.setup.context))
    for setup in (roomy, least.setup):
        if setup.model.architecture.experts and (
            kept := _fewest(layers, partial(_without_experts, setup), least.machine, wish)
        ):
            return kept
        if kept := _fewest(layers, partial(_without_layers, setup), least.machine, wish):
            return kept
    return least


def _without_experts(setup: Setup, layers: int) -> Setup:
    return replace(setup, host_experts=layers)


def _without_layers(setup: Setup, layers: int) -> Setup:
    return replace(setup, resident_layers=setup.model.architecture.layers - layers)


def _fewest(layers: int, setup_of: Callable[[int], Setup], machine: Machine, wish: Wish) -> Candidate | None:
    """The setup that moves the fewest layers, by halving; None where even all are too few."""
    low, high = 1, layers
    best: Candidate | None = None
    while low <= high:
        middle = (low + high) // 2
        candidate = evaluate(setup_of(middle), machine, wish)
        if candidate.verdict is Verdict.NO:
            low = middle + 1
        else:
            best = replace(candidate, verdict=Verdict.OFFLOAD)
            high = middle - 1
    return best
