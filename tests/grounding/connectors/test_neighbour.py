"""A gateway of ours as the store of another one, by HTTP between them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.archive import OWNER
from kanoa_mlops.grounding.connectors import Store, connect, parse_grounding_file
from kanoa_mlops.grounding.filters import Filter, parse_filter
from kanoa_mlops.grounding.library import Bound, Library
from kanoa_mlops.grounding.local import LocalArchive
from tests.gateway.library.conftest import House, OpenHouse, open_house, reader

__all__ = ["open_house", "reader"]  # the fixtures

NOTES = {
    "drift.md": (b"# Drift\n\nThe sensor drifts by 3 mV a month.\n", 2024),
    "oil.md": (b"# Oil\n\nThe oil of the pump is changed; the sensor of its level too.\n", 2025),
    "may.md": (b"# Calibration\n\nIn May each sensor is calibrated.\n", 2026),
}
FILTERS: list[dict[str, Any]] = [
    {"type": "eq", "key": "year", "value": 2026},
    {"type": "ne", "key": "year", "value": 2024},
    {"type": "gt", "key": "year", "value": 2024},
    {"type": "gte", "key": "year", "value": 2025},
    {"type": "lt", "key": "year", "value": 2025},
    {"type": "lte", "key": "year", "value": 2025},
    {"type": "in", "key": "year", "value": [2024, 2025]},
    {"type": "nin", "key": "year", "value": [2024]},
    {"type": "nin", "key": "author", "value": ["Ana"]},
    {"type": "eq", "key": "author", "value": "Ana"},
    {
        "type": "and",
        "filters": [
            {"type": "gt", "key": "year", "value": 2024},
            {
                "type": "or",
                "filters": [
                    {"type": "eq", "key": "year", "value": 2025},
                    {"type": "eq", "key": "year", "value": 2024},
                ],
            },
        ],
    },
]


async def filled(house: House) -> str:
    async with house.client() as client:
        store = await client.vector_stores.create(name="notes")
    for name, (text, year) in NOTES.items():
        held = await house.put(store.id, name, text, attributes={"year": year})
        assert held.status == "completed", held.last_error
    return store.id


@contextmanager
def neighbour(house: House, store: str, who: str = "ann") -> Iterator[Store]:
    entry: dict[str, Any] = {"provider": "openai", "base_url": house.url, "vector_store_id": store}
    text = json.dumps({"stores": {"theirs": entry | {"api_key_env": "THEIR_KEY"}}})
    file = parse_grounding_file(Path("grounding.yaml"), text, {"THEIR_KEY": house.key(who)})
    with closing(connect("theirs", file.stores["theirs"])) as theirs:
        yield theirs


async def test_what_is_kept_there_is_found_from_here(open_house: OpenHouse) -> None:
    house = await open_house()
    with neighbour(house, await filled(house)) as theirs:
        best, *others = await asyncio.to_thread(theirs.search, "how much does the sensor drift", k=3)
        assert "3 mV a month" in best.text
        assert (best.title, best.store) == ("drift.md", "theirs")
        assert best.file_id.startswith("file-")
        assert best.chunk_id
        assert best.score is not None
        assert len(others) == 2

        for given in FILTERS:
            filter: Filter = parse_filter(given)
            found = await asyncio.to_thread(theirs.search, "sensor", k=9, filters=filter)
            wanted = {name for name, (_, year) in NOTES.items() if filter.passes({"year": year})}
            assert {each.title for each in found} == wanted, given


async def test_what_is_not_open_to_this_key_is_a_failure(open_house: OpenHouse) -> None:
    house = await open_house()
    with neighbour(house, await filled(house), who="ben") as theirs:
        with pytest.raises(RetrieverFailed, match="HTTP 404") as caught:
            await asyncio.to_thread(theirs.search, "sensor")
        assert house.key("ben") not in str(caught.value)
        assert "correct its id" in caught.value.hint


async def test_a_library_searches_it_like_its_own(open_house: OpenHouse, tmp_path: Path) -> None:
    house = await open_house()
    with neighbour(house, await filled(house)) as theirs:
        archive = LocalArchive(tmp_path / "mine.db")
        library = Library(archive, bound={"theirs": Bound(theirs, theirs.entry.shareable)})
        found = await asyncio.to_thread(library.search, OWNER, ["theirs"], "drift of the sensor", k=1)
        assert [each.title for each in found.passages] == ["drift.md"]
        assert not found.failures
        archive.close()
