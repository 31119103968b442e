"""What would make a plan fit: the smallest change first, each with its own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.candidate import Candidate, evaluate, settle
from kanoa_mlops.planner.estimate import NOTHING
from kanoa_mlops.planner.options import options
from kanoa_mlops.planner.plan import Change
from kanoa_mlops.planner.setup import Setup
from kanoa_mlops.planner.wish import Wish

_GOOD = (Verdict.FITS, Verdict.TIGHT)
_SHORTEST_CONTEXT = 2048
_FULLEST = 0.95
"""Of a card's memory; beyond it the driver itself has too little."""


def changes(
    candidate: Candidate, wish: Wish, catalog: Catalog, settled: Sequence[Candidate]
) -> tuple[Change, ...]:
    """Nothing where the plan fits already.

    Args:
        settled: every option under the wish, in order of preference.
    """
    if candidate.verdict is Verdict.FITS:
        return ()
    if wish.weights or wish.engine:
        free = replace(wish, weights=None, engine=None)
        model, machine = candidate.setup.model, candidate.machine
        settled = [settle(each, model, machine, free) for each in options(model, machine, free, catalog)[0]]
    others = [each for each in settled if _better(each, candidate)]
    found = [*_settings(candidate, wish), *_weights(candidate, others), *_engines(candidate, others)]
    if candidate.verdict is not Verdict.TIGHT or not found:
        found += [*_smaller_models(candidate, wish, catalog), *_burst(candidate.setup.model, catalog)]
    return tuple(found)


def _settings(candidate: Candidate, wish: Wish) -> Iterator[Change]:
    """The same engine and weights, told otherwise. Each alone."""
    setup = candidate.setup
    for what, flags, price, other in (
        *_fewer_sequences(setup),
        *_shorter_context(setup, candidate),
        *_smaller_cache(setup),
        *_fuller_card(setup, candidate.machine),
        *_fewer_images(setup),
    ):
        after = evaluate(other, candidate.machine, wish)
        if _better(after, candidate):
            yield _change(what, flags, after, price)


_Told = tuple[str, str, str, Setup]


def _fewer_sequences(setup: Setup) -> Iterator[_Told]:
    if setup.sequences > 1:
        for count in (setup.sequences // 2, setup.sequences // 4, 1):
            if 1 <= count < setup.sequences:
                other = replace(setup, sequences=count)
                yield (
                    f"{count} instead of {setup.sequences} requests at once",
                    f"--parallel {count}",
                    "",
                    other,
                )


def _shorter_context(setup: Setup, candidate: Candidate) -> Iterator[_Told]:
    """The longest that fits, by halving the gap in steps of 1024 tokens."""
    low, high = _SHORTEST_CONTEXT // 1024, (setup.context - 1) // 1024
    best = 0
    while low <= high:
        middle = (low + high) // 2
        other = setup.with_context(middle * 1024)
        if evaluate(other, candidate.machine, Wish()).verdict in _GOOD:
            best, low = middle, middle + 1
        else:
            high = middle - 1
    if best:
        context = best * 1024
        yield (
            f"a context of {context} tokens",
            f"--context {context}",
            f"requests longer than {context} tokens are refused",
            setup.with_context(context),
        )


def _smaller_cache(setup: Setup) -> Iterator[_Told]:
    if setup.cache_type == "f16" and setup.model.architecture.causal:
        other = replace(setup, cache_type="fp8" if setup.engine.id == "vllm" else "q8_0")
        yield (
            "keys and values in 8 bits",
            "--cache-bits 8",
            "a small loss of accuracy on long prompts",
            other,
        )


def _fuller_card(setup: Setup, machine: Machine) -> Iterator[_Told]:
    if not 0 < setup.utilization < _FULLEST:
        return
    if any(card.memory_available < _FULLEST * card.memory_total for card in machine.accelerators):
        return
    other = replace(setup, utilization=_FULLEST)
    yield (
        f"{_FULLEST:.0%} of the card for vLLM",
        f"--utilization {_FULLEST}",
        "no room for other programs",
        other,
    )


def _fewer_images(setup: Setup) -> Iterator[_Told]:
    if setup.images > 1:
        yield "one image a request", "--images 1", "", replace(setup, images=1)
    if setup.engine.id == "vllm" and not setup.eager:
        yield "no CUDA graphs", "--eager", "slower decoding", replace(setup, eager=True)


def _weights(candidate: Candidate, others: Sequence[Candidate]) -> Iterator[Change]:
    """Other weights on the same engine, the best that fit."""
    for after in others:
        if after.setup.engine is candidate.setup.engine:
            title = after.setup.quantization.title
            yield _change(f"{title} weights", f"--weights {after.setup.weights.name}", after)
            return


def _engines(candidate: Candidate, others: Sequence[Candidate]) -> Iterator[Change]:
    seen = {candidate.setup.engine.id}
    for after in others:
        engine = after.setup.engine
        if engine.id not in seen:
            seen.add(engine.id)
            what = f"{engine.title} with {after.setup.quantization.title} weights"
            yield _change(what, f"--engine {engine.id} --weights {after.setup.weights.name}", after)


def _smaller_models(candidate: Candidate, wish: Wish, catalog: Catalog) -> Iterator[Change]:
    """The largest of the family that fits."""
    model = candidate.setup.model
    family = [
        each
        for each in catalog.models.values()
        if model.family and each.family == model.family and each.instruct == model.instruct
    ]
    family.sort(key=lambda each: -each.architecture.parameters)
    for smaller in family:
        if smaller.architecture.parameters >= model.architecture.parameters:
            continue
        asked = replace(wish, weights=None, engine=None, context=_context(wish, smaller))
        ways = options(smaller, candidate.machine, asked, catalog)[0]
        for option in ways:
            after = settle(option, smaller, candidate.machine, asked)
            if after.verdict is Verdict.FITS:
                yield _change(f"{smaller.title}, the next smaller one", smaller.id, after)
                return


def _context(wish: Wish, model: Model) -> int | None:
    return None if wish.context is None else min(wish.context, model.architecture.context)


def _burst(model: Model, catalog: Catalog) -> Iterator[Change]:
    """A provider that serves it, where the owner lets requests leave the machine."""
    for platform in catalog.platforms.values():
        for hosted in platform.hosted:
            if hosted.model == model.id:
                provider = catalog.providers[hosted.provider]
                price = "requests leave this machine; " + (
                    "a free tier" if provider.is_free(model.id) else "paid by the token"
                )
                yield Change(f"{provider.title}, hosted", "", Verdict.FITS, NOTHING, 0, None, price)


def _better(after: Candidate, before: Candidate) -> bool:
    if before.verdict is Verdict.TIGHT:
        return after.verdict is Verdict.FITS
    return after.verdict in _GOOD


def _change(what: str, flags: str, after: Candidate, price: str = "") -> Change:
    pool = after.budget.pools[0]
    return Change(
        what, flags, after.verdict, after.budget.need("device"), pool.capacity, after.speed.decode, price
    )
