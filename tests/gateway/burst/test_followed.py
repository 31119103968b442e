"""The owner's file as it is changed while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.gateway.burst.edit import added, changed, removed
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.read import read_burst
from kanoa_mlops.gateway.reload import reloading

EVERY = 0.02
GROQ = {"provider": "groq", "for": "gpt-oss-120b", "max_per_day": "2 $"}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(EVERY / 4)


async def test_allowed_changed_spoilt_and_taken_back(
    tmp_path: Path, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    path, seen = tmp_path / "burst.yaml", [Burst()]
    following = asyncio.create_task(
        reloading(path, lambda path: read_burst(path, catalog, {"GROQ_API_KEY": "k"}), seen.append, EVERY)
    )
    await asyncio.sleep(0)
    text = added(path, "# mine\n", GROQ)
    path.write_text(text)
    await until(lambda: [each.micro_per_day for each in seen[-1].grants] == [2_000_000])
    path.write_text(changed(path, text, 0, {"max_per_day": "3 $"}))
    await until(lambda: [each.micro_per_day for each in seen[-1].grants] == [3_000_000])
    path.write_text(text.replace("groq", "grok"))
    await until(lambda: bool(caplog.messages))
    assert caplog.messages[0].startswith(f"{path}:4: burst.allowed.0.provider: there is no provider 'grok'")
    assert [each.micro_per_day for each in seen[-1].grants] == [3_000_000], "what ran before is kept"
    path.write_text(removed(path, text, [0]))
    await until(lambda: seen[-1].grants == ())
    path.write_text(text)
    await until(lambda: len(seen[-1].grants) == 1)
    path.unlink()
    await until(lambda: seen[-1] == Burst())
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
