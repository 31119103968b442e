"""Machine + Model + Wish -> Plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Machine, Model
from kanoa_mlops.errors import DoesNotFit, UserError
from kanoa_mlops.planner.memory import MemoryLine, memory_lines
from kanoa_mlops.units import format_bytes

# Four requests at once: decoding on a CPU waits for memory, so a batch of four costs little more than one.
_SEQUENCES = 4
# More is slow to fill on a CPU and seldom asked for; a person may.
_CONTEXT = 8192
_SHORTEST_CONTEXT = 2048
# Left to the notebook, the browser and the page cache.
_RESERVE = 0.20


@dataclass(frozen=True)
class Wish:
    """What the person asked for; None leaves the choice to the planner."""

    weights: str | None = None
    context: int | None = None
    """Tokens of one request, prompt and answer together."""
    sequences: int | None = None
    """Requests worked on at once."""


@dataclass(frozen=True)
class Plan:
    """What should run. Explains itself; never knows whether it becomes a process or a container."""

    model: str
    aliases: tuple[str, ...]
    weights: str
    engine: str
    context: int
    sequences: int
    threads: int
    sees: bool
    repeat_penalty: float | None
    """Where a request does not say; None leaves it to the engine."""
    memory: tuple[MemoryLine, ...]
    reasons: tuple[str, ...]

    @property
    def memory_bytes(self) -> int:
        return sum(line.bytes for line in self.memory)


def plan(model: Model, machine: Machine, wish: Wish = Wish()) -> Plan:
    """The best way to serve this model here.

    Raises:
        DoesNotFit: with what it takes, what there is, and the next step.
        UserError: the wish names weights or a context the model does not have.
    """
    weights = find_weights(model, wish.weights)
    _refuse_impossible(model, wish)
    budget = int(machine.memory_available * (1 - _RESERVE))
    for context, sequences in _candidates(model, wish):
        lines = memory_lines(model.architecture, weights, context, sequences)
        if sum(line.bytes for line in lines) <= budget:
            break
    else:
        raise DoesNotFit(
            f"{model.id} takes {format_bytes(sum(line.bytes for line in lines))} "
            f"({context} tokens of context, {_requests(sequences)}); "
            f"{format_bytes(machine.memory_available)} is free, "
            f"of which {_RESERVE:.0%} is kept for other programs.",
            hint="Close other programs, or ask for less with --context and --parallel.",
        )
    return Plan(
        model=model.id,
        aliases=model.aliases,
        weights=weights.name,
        engine="llama.cpp",
        context=context,
        sequences=sequences,
        threads=machine.cores,
        sees=model.sees and any(file.role == "mmproj" for file in weights.files),
        repeat_penalty=model.sampling.repeat_penalty if model.sampling else None,
        memory=lines,
        reasons=(
            f"{machine.cores} threads: one for each physical core this process may use",
            f"{context} tokens of context: {_why_context(model, wish, context)}",
            f"{_requests(sequences)}: {_why_sequences(wish, sequences)}",
        ),
    )


def _refuse_impossible(model: Model, wish: Wish) -> None:
    longest = model.architecture.context
    if wish.context is not None and not 1 <= wish.context <= longest:
        raise UserError(
            f"{model.id} was trained for at most {longest} tokens of context; {wish.context} was asked for.",
            hint=f"Use --context {longest} or less.",
        )
    if wish.sequences is not None and wish.sequences < 1:
        raise UserError("At least one request at once must be allowed.", hint="Use --parallel 1 or more.")


def _candidates(model: Model, wish: Wish) -> list[tuple[int, int]]:
    """(context, sequences), the best first: fewer sequences before a shorter context."""
    longest = min(model.architecture.context, _CONTEXT)
    contexts = [longest, *(size for size in (4096, _SHORTEST_CONTEXT) if size < longest)]
    if wish.context is not None:
        contexts = [wish.context]
    counts = [wish.sequences] if wish.sequences is not None else [_SEQUENCES, 2, 1]
    return [(context, count) for context in contexts for count in counts]


def _why_context(model: Model, wish: Wish, context: int) -> str:
    if wish.context is not None:
        return "as asked"
    if context == model.architecture.context:
        return "all that the model was trained for"
    return "enough for figures with tables" if context == _CONTEXT else "what memory allows"


def _why_sequences(wish: Wish, sequences: int) -> str:
    if wish.sequences is not None:
        return "as asked"
    return "a batch costs little more than one" if sequences == _SEQUENCES else "what memory allows"


def _requests(sequences: int) -> str:
    return "1 request at once" if sequences == 1 else f"{sequences} requests at once"
