"""The soak of `bench/gateway`, for some seconds: nothing is lost, and nothing stays open."""

from __future__ import annotations

from pathlib import Path

from bench.gateway.soak import soak, table


async def test_some_seconds_of_everything(tmp_path: Path) -> None:
    report = await soak(20.0, seed=3, dollars=0.05, folder=tmp_path)
    assert report.faults == [], table(report)
    assert report.kills
    assert report.hosted
    for kind, counts in report.outcomes.counts.items():
        assert counts["answered"], f"{kind}: {counts}"
    assert report.outcomes.counts["limited"]["rate_limit_exceeded"]
