"""Models that read and do not write: what they take, against what llama.cpp set aside for such files."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.default import ranked
from kanoa_mlops.planner.budget import CACHE, Verdict
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from tests.planner.machines import GIB, processor

MIB = 2**20


def made(catalog: Catalog, model: str, **wish: object) -> Plan:
    asked = Wish(engine="llama.cpp", **wish)  # type: ignore[arg-type]
    return plan(catalog.models[model], processor(64 * GIB), asked, catalog)


def size(made: Plan, line: str) -> float:
    return sum(each.size.expected for each in made.budget.lines if each.name == line)


# Buffers that llama.cpp b11549 named in its log on a processor, 2026-11-28, of files without weights.
@pytest.mark.parametrize(
    ("model", "context", "sequences", "measured"),
    [
        ("all-minilm-l6-v2", 512, 1, 7.26 + 0.12),
        ("all-minilm-l6-v2", 512, 4, 7.27 + 0.47),
        ("nomic-embed-text-v1.5", 2048, 1, 110.05 + 0.12),
        ("embeddinggemma-300m", 2048, 1, 73.06 + 1.0),
        ("embeddinggemma-300m", 2048, 4, 73.09 + 4.01),
        ("qwen3-embedding-0.6b", 512, 1, 306.75 + 0.58),
        ("qwen3-reranker-0.6b", 2048, 1, 1232.99 + 0.58),
        ("qwen3-reranker-0.6b", 2048, 4, 1232.99 + 2.33),
    ],
)
def test_compute_buffers(model: str, context: int, sequences: int, measured: float, catalog: Catalog) -> None:
    found = size(made(catalog, model, context=context, sequences=sequences), "compute buffer")
    assert found / MIB == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize(
    ("model", "measured"), [("all-minilm-l6-v2", 0), ("qwen3-embedding-0.6b", 224 * MIB)]
)
def test_an_encoder_keeps_nothing(model: str, measured: int, catalog: Catalog) -> None:
    context = min(2048, catalog.models[model].architecture.context)
    assert size(made(catalog, model, context=context, sequences=1), CACHE) == measured


def test_a_text_that_must_be_seen_whole_fits_the_batch(catalog: Catalog) -> None:
    for model in catalog.models.values():
        if model.kind == "chat":
            continue
        for engine in model.engines:
            found = plan(model, processor(64 * GIB), Wish(engine=engine), catalog)
            assert found.kind == model.kind
            assert found.batch >= found.context or not model.reads_whole, (model.id, engine)


def test_longer_texts_by_hand(catalog: Catalog) -> None:
    found = made(catalog, "bge-m3", context=8192)
    assert (found.context, found.batch) == (8192, 8192)


def test_whoever_wants_to_chat_is_not_given_one(catalog: Catalog) -> None:
    plans = ranked(catalog, processor(4 * GIB), Wish())
    fitting = [catalog.models[each.model].kind for each in plans if each.verdict is Verdict.FITS]
    # Of those that fit, though most of the others are smaller and quicker.
    assert fitting == sorted(fitting, key=lambda kind: kind != "chat")
    assert fitting[0] == "chat" and "embedding" in fitting
