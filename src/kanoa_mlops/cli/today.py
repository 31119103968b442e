"""Money of this day of UTC, as the books have it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.cli.books import looked_up
from kanoa_mlops.cli.burst_report import shown
from kanoa_mlops.cli.spent_at import spent_at
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.books.store import Store
from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.days import day_of
from kanoa_mlops.settings import Settings

_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True)
class Today:
    micro: int | None
    """Micro-dollars spent; None where the books cannot be read."""
    left: Mapping[str, int]
    """Backend -> micro-dollars that may still be spent there, where a cap says so."""


def today(settings: Settings, gateway_file: Path | None = None) -> Today:
    """
    Args:
        gateway_file: of a gateway with budgets of its own; None for those of servers.
    """
    return Today(_spent(settings), _left(settings, gateway_file))


def _spent(settings: Settings) -> int | None:
    begin = datetime.fromisoformat(day_of(time.time())).replace(tzinfo=UTC).timestamp()

    def spent(store: Store) -> int:
        return sum(each.micro for each in store.totals([Dimension.TIER], begin, float("inf")))

    try:
        return looked_up(settings, spent, 0, patience=_PATIENCE_SECONDS)
    except KanoaError:
        return None


def _left(settings: Settings, gateway_file: Path | None) -> Mapping[str, int]:
    if gateway_file is None and not settings.burst_file.exists():
        return {}
    try:
        allowed = spent_at(settings, gateway_file)
        _, rows = shown(allowed.config, load_catalog(settings.catalog_dir), settings, allowed.taken)
    except KanoaError:
        return {}
    return {each.grant.id: each.left for each in rows if each.left is not None}
