"""What the owner's file allows beyond this machine, taken up when a server begins and whenever it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.beyond import Beyond
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.read import read_burst
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reload import reloading, stamp
from kanoa_mlops.settings import Settings, environment


def read(settings: Settings, path: Path, taken: Collection[str] = ()) -> Burst:
    """
    Args:
        taken: ids of the backends that are there.

    Raises:
        SettingsError: the file is wrong, or an entry of it cannot be granted; names file and line.
    """
    catalog = load_catalog(settings.catalog_dir)
    return read_burst(path, catalog, environment(), settings.hub_token_file, taken)


@asynccontextmanager
async def following(settings: Settings, backends: Backends, purse: Purse) -> AsyncIterator[None]:
    """
    Raises:
        SettingsError: as above, on entering; later the log says so, and what was allowed before is kept.
    """
    path, beyond = settings.burst_file, Beyond(backends, purse)
    since, own = stamp(path), [each.id for each in backends.all()]

    def met(path: Path) -> Burst:
        burst = read(settings, path, own)
        purse.allowances.meet(burst.grants)
        return burst

    beyond.allow(met(path))
    following = reloading(path, met, beyond.allow, since=since)
    task = asyncio.create_task(following)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
