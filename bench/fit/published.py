"""Published measurements held against the plan: what engines said on other people's machines.

Each row of data/published.csv is a complete setup and one number that somebody published. `fitted` names the
constant that was chosen on that row; such rows prove nothing about it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import known_accelerator
from kanoa_mlops.catalog.types import Accelerator, Machine, Model, Support, Weights
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.cache import vllm_cache_tokens
from kanoa_mlops.planner.candidate import Candidate, evaluate
from kanoa_mlops.planner.setup import Place, Setup
from kanoa_mlops.planner.vllm import in_flight, request_bytes
from kanoa_mlops.planner.wish import Wish

DATA = Path(__file__).parent / "data" / "published.csv"
_GIB = 2**30
_UNITS = {"GiB": _GIB, "MiB": 2**20, "GB": 10**9, "tokens": 1, "tokens/s": 1, "bool": 1}


@dataclass(frozen=True)
class Published:
    """One published number, with all that is needed to plan for its case."""

    case: str
    model: str
    quantization: str
    engine: str
    version: str
    device: str
    place: Place
    cards: int
    visible: float
    """Bytes of one card; 0 where only the cache's size was published."""
    host: float
    utilization: float
    context: int
    sequences: int
    batch: int
    eager: bool
    eight_bits: bool
    flash: bool
    pool: float | None
    """Bytes the engine had for its cache, where that is given and not to be predicted."""
    measure: str
    value: float
    """Bytes, tokens, tokens a second; 1 or 0 for 'starts'."""
    unit: str
    fitted: str
    source: str
    note: str


def published() -> list[Published]:
    with DATA.open(newline="", encoding="utf-8") as file:
        return [_read(row) for row in csv.DictReader(file)]


def predicted(row: Published, catalog: Catalog) -> float:
    """What the plan says of the same case, in the row's base unit."""
    candidate = replay(row, catalog)
    setup, budget = candidate.setup, candidate.budget
    match row.measure:
        case "starts":
            return float(_starts(row, candidate))
        case "weights":
            held = ("weights", "vision tower")
            return sum(line.size.expected for line in budget.lines if line.name in held)
        case "kv_request":
            if row.engine == "vllm":
                return request_bytes(setup)
            return sum(line.size.expected for line in budget.lines if line.name.startswith("key-value"))
        case "kv_tokens":
            assert row.pool is not None
            return vllm_cache_tokens(setup.model, row.pool, row.context, setup.cache_type, in_flight(setup))
        case "pool":
            cache = sum(line.size.expected for line in budget.lines if line.name == "key-value cache")
            others = budget.need("device").expected - cache
            return budget.pools[0].capacity - others
        case "total":
            return budget.need("device").expected * setup.gpus
        case "decode":
            return candidate.speed.decode.expected
    raise ValueError(f"{row.case}: nothing is predicted for {row.measure!r}")


def replay(row: Published, catalog: Catalog) -> Candidate:
    """The plan's numbers for exactly this setup, whether the plan would have chosen it or not."""
    model = catalog.models[row.model]
    setup = Setup(
        model=model,
        weights=_weights(model, row),
        quantization=catalog.quantizations[row.quantization],
        engine=catalog.engines[row.engine],
        support=model.engines.get(row.engine) or Support(source="published"),  # type: ignore[call-overload]
        place=row.place,
        gpus=row.cards,
        context=row.context,
        sequences=row.sequences,
        images=int(model.sees),
        cache_type="f16" if not row.eight_bits else "fp8" if row.engine == "vllm" else "q8_0",
        batch=row.batch,
        # Until then a card's graphs were recorded beside the share, not inside it.
        eager=row.eager or (row.engine == "vllm" and _before(row.version, "0.21")),
        flash=row.flash,
        batch_logits=row.engine != "vllm",
        utilization=row.utilization,
    )
    return evaluate(setup, _machine(row, catalog), Wish())


def _starts(row: Published, candidate: Candidate) -> bool:
    """vLLM: the engine comes up. llama.cpp and Ollama: all of it is on the card."""
    if row.pool is not None:
        return request_bytes(candidate.setup) <= row.pool
    return candidate.verdict in (Verdict.FITS, Verdict.TIGHT)


def _weights(model: Model, row: Published) -> Weights:
    """Those of the model in this quantisation; the format is the engine's, or the published size is wrong."""
    fitting = [each for each in model.weights if each.quantization == row.quantization]
    own = {"vllm": "safetensors", "llama.cpp": "gguf", "ollama": "ollama"}[row.engine]
    return next((each for each in fitting if each.format == own), (fitting or model.weights)[0])


def _before(version: str, other: str) -> bool:
    """Rows that name no version are taken as old: most of them are."""
    return not version or [int(part) for part in version.split(".")] < [
        int(part) for part in other.split(".")
    ]


def _machine(row: Published, catalog: Catalog) -> Machine:
    facts = known_accelerator(catalog, row.device)
    card = Accelerator(
        vendor="apple" if "Apple" in row.device else "amd" if "Radeon" in row.device else "nvidia",
        name=row.device or "unknown card",
        memory_total=round(row.visible),
        memory_available=round(row.visible),
        bandwidth=facts.bandwidth if facts else None,
        flops=facts.flops if facts else None,
    )
    return Machine(
        title=row.device,
        system="Linux",
        architecture="x86_64",
        cpu="published",
        cores=16,
        memory_total=round(row.host),
        memory_available=round(row.host),
        accelerators=() if row.place == "cpu" else (card,) * row.cards,
        unified=row.place == "unified",
    )


def _read(row: dict[str, str]) -> Published:
    place: Place = "cpu" if row["place"] == "cpu" else "unified" if row["place"] == "unified" else "gpu"
    return Published(
        case=row["case"],
        model=row["model"],
        quantization=row["quantization"],
        engine=row["engine"],
        version=row["version"],
        device=row["device"],
        place=place,
        cards=int(row["cards"]),
        visible=float(row["visible_gib"] or 0) * _GIB,
        host=float(row["host_gib"]) * _GIB,
        utilization=float(row["utilization"] or 0.92),
        context=int(row["context"]),
        sequences=int(row["sequences"]),
        batch=int(row["batch"]),
        eager=row["eager"] == "1",
        eight_bits=row["cache_bits"] == "8",
        flash=row["flash"] != "0",
        pool=float(row["given_pool_gib"]) * _GIB if row["given_pool_gib"] else None,
        measure=row["measure"],
        value=float(row["value"]) * _UNITS[row["unit"]],
        unit=row["unit"],
        fitted=row["fitted"],
        source=row["source"],
        note=row["note"],
    )


def scored(catalog: Catalog) -> Iterator[tuple[Published, float]]:
    """Every row with what the plan says of it."""
    for row in published():
        yield row, predicted(row, catalog)
