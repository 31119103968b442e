"""What must hold for the numbers of a bench, whatever was measured."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from kanoa_mlops.bench.compare import Beside, What, beside_plan, differences, last_alike, ratio
from kanoa_mlops.bench.level import Level, level, spread
from kanoa_mlops.bench.run import Memory, Prediction, Run, Subject
from kanoa_mlops.bench.sample import Sample
from kanoa_mlops.bench.store import history, save
from kanoa_mlops.planner.estimate import Estimate

SEEDS = range(50)


def samples(chance: Random) -> list[Sample]:
    made = []
    for _ in range(chance.randrange(1, 30)):
        began = chance.uniform(0, 100)
        first = began + chance.uniform(0.001, 10)
        last = first + chance.uniform(0.001, 10)
        if chance.random() < 0.2:
            made.append(Sample(began, last, error=chance.choice(["broke", "busy"])))
        else:
            made.append(Sample(began, last, first, last, chance.randrange(1, 900), chance.randrange(1, 99)))
    return made


def run(*levels: Level, day: int = 1, **subject: object) -> Run:
    about = Subject("m", "q4", "llama.cpp", "1", "a box", 4096, 4)
    return Run(
        subject=replace(about, **subject),  # type: ignore[arg-type]
        program="0.1",
        date=datetime.datetime(2026, 1, day, 12, tzinfo=datetime.UTC),
        answer_tokens=8,
        levels=levels,
        memory=Memory(used=90, of_machine=90),
        predicted=Prediction(Estimate(10, 5, 20), Estimate(1, 0.5, 2), "text", Estimate(100, 80, 120)),
        others=0.02,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_accounts_for_every_request(seed: int) -> None:
    given = samples(Random(seed))
    row = level(4, "text", given)
    answered = [each for each in given if not each.error]
    assert row.errors + len(answered) == row.requests == len(given)
    assert row.output_tokens == sum(each.output_tokens for each in answered)
    assert row.total_tokens_per_second * row.seconds == pytest.approx(row.output_tokens)
    assert (row.first_token is None) == (not answered)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_knows_no_order_and_no_clock(seed: int) -> None:
    chance = Random(seed)
    given = samples(chance)
    shifted = [
        replace(
            each,
            began=each.began + 1000,
            ended=each.ended + 1000,
            first=each.first + 1000 if each.first else None,
            last=each.last + 1000 if each.last else None,
        )
        for each in chance.sample(given, len(given))
    ]
    one, other = level(1, "text", given), level(1, "text", shifted)
    assert other.seconds == pytest.approx(one.seconds)
    for name in ("first_token", "tokens_per_second"):
        before, after = getattr(one, name), getattr(other, name)
        assert (before is None) == (after is None)
        if before:
            assert (after.median, after.p95) == (pytest.approx(before.median), pytest.approx(before.p95))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_spread_lies_within_its_values(seed: int) -> None:
    chance = Random(seed)
    values = [chance.uniform(0, 9) for _ in range(chance.randrange(1, 40))]
    found = spread([*values, None])
    assert found is not None
    assert min(values) <= found.median <= found.p95 <= max(values)
    doubled = spread([2 * value for value in values])
    assert doubled and doubled.p95 == pytest.approx(2 * found.p95)


def test_known_numbers() -> None:
    assert Sample(0, 3, first=1, last=3, output_tokens=5).tokens_per_second == 2
    assert Sample(0, 3, first=1, last=1, output_tokens=5).tokens_per_second is None
    assert Sample(0, 3, first=1, last=3, output_tokens=1).tokens_per_second is None
    found = spread([float(each) for each in range(101)])
    assert found and (found.median, found.p95) == (50, 95)
    assert spread([None]) is None


def test_a_level_where_nothing_was_answered() -> None:
    row = level(4, "text", [Sample(0, 1, error="busy")] * 3)
    assert (row.failures, row.first_token, row.total_tokens_per_second) == ({"busy": 3}, None, 0)


def answered(parallel: int, rate: float) -> Level:
    """Ten tokens a request, the first after a second."""
    ended = 1 + 9 / rate
    return level(parallel, "text", [Sample(0, ended, 1, ended, 500, 10)] * 2)


def test_a_run_is_read_back_as_it_was(tmp_path: Path) -> None:
    first, second = run(answered(1, 10), day=1), run(answered(1, 12), answered(4, 9), day=2)
    path = save(second, tmp_path)
    save(first, tmp_path)
    save(run(day=3, model="another"), tmp_path)
    (tmp_path / "broken.json").write_text(path.read_text()[:100])
    assert list(history("m", tmp_path)) == [first, second]
    assert list(history("m", tmp_path / "none")) == []


def test_the_last_run_alike_is_the_newest_of_the_same_kind() -> None:
    former = [run(day=1), run(day=3), run(day=2), run(day=4, weights="q8"), run(day=5, machine="another")]
    assert last_alike(run(day=9), former) == former[1]
    assert last_alike(run(day=9, engine="vllm"), former) is None
    assert last_alike(replace(run(day=9), answer_tokens=9), former) is None
    assert last_alike(former[0], former) is None


def test_ratio_and_differences() -> None:
    then, now = run(answered(1, 10)), run(answered(1, 10), answered(4, 9), day=2, context=8192)
    assert ratio(now.levels[0], then) == 1
    assert ratio(now.levels[1], then) is None
    assert ratio(now.levels[0], None) is None
    assert list(differences(now, then)) == ["context 4096 → 8192"]
    busy = replace(then, others=0.9)
    assert list(differences(busy, then)) == ["taken by other programs 2% → 90%"]
    assert list(differences(replace(then, others=0.1), then)) == []
    assert list(differences(replace(then, others=None), busy)) == []


@pytest.mark.parametrize(
    ("what", "measured", "verdict"),
    [
        ("tokens/s", 4, "slower"),
        ("tokens/s", 5, "as planned"),
        ("tokens/s", 21, "faster"),
        ("first token", 4, "sooner"),
        ("first token", 21, "later"),
        ("memory", 4, "less"),
        ("memory", 20, "as planned"),
        ("memory", 21, "more"),
    ],
)
def test_a_verdict_keeps_to_the_bounds(what: What, measured: float, verdict: str) -> None:
    assert Beside(what, Estimate(10, 5, 20), measured).verdict == verdict


def test_a_measured_number_is_beside_the_predicted_one() -> None:
    decode, first, memory = beside_plan(run(answered(1, 10), answered(4, 1)))
    assert decode.measured == pytest.approx(10)
    assert (first.measured, memory.measured) == (1, 90)
    assert [each.what for each in beside_plan(run(answered(4, 10)))] == ["memory"]
    untold = replace(run(answered(4, 10)), memory=Memory(None, 50))
    assert list(beside_plan(untold)) == []
    assert list(beside_plan(replace(run(answered(1, 10)), predicted=None))) == []
