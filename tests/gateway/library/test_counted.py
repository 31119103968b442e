"""What Prometheus and the log are told: numbers, and never a word of anybody's."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from tests.gateway.library.conftest import House


async def test_searches_and_holdings_are_counted_and_nothing_is_quoted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kanoa_mlops")
    async with house.client() as client:
        store = await client.vector_stores.create(name="marmalade")
        await house.put(store.id, "xylophone.txt", b"The xylophone plays.", attributes={"tag": "zebra"})
        await client.vector_stores.search(store.id, query="xylophone")
        await client.vector_stores.search(store.id, query="quicksilver")
    wanted = {
        'kanoa_library_searches_total{outcome="found"} 1.0',
        'kanoa_library_searches_total{outcome="nothing"} 1.0',
        'kanoa_library_searches_total{outcome="failed"} 0.0',
        "kanoa_library_search_seconds_count 2.0",
        "kanoa_library_documents 1.0",
        "kanoa_library_files_waiting 0.0",
    }
    until, text = time.monotonic() + 60, ""
    while not wanted <= set(text.splitlines()):
        assert time.monotonic() < until, text
        async with house.session.get(f"{house.gateway.url}/metrics") as answer:
            text = await answer.text()
        await asyncio.sleep(0.1)
    for word in ("xylophone", "quicksilver", "marmalade", "zebra", store.id):
        assert word not in text
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("kanoa_mlops")
    )
    assert "route=/v1/vector_stores/{vector_store_id}/search" in logged
    assert "outcome=completed" in logged
    for word in ("xylophone", "quicksilver", "marmalade", "zebra"):
        assert word not in logged
