"""Read Prometheus' text format for the few lines that are wanted of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable
from kanoa_mlops.gateway.counters.names import Names


def read_exposition(text: str, names: Names, model: str = "") -> EngineCounters | Unreadable:
    """Series of one name are added up: an engine in several parts tells one of each part.

    A share is the highest of its series. Lines of other names are not looked at, whatever they are.

    Args:
        model: only series with this label, where one text tells of several models.
    """
    wanted = {name for each in names.values() for name in each}
    try:
        found = _samples(text, wanted, model)
    except (ValueError, IndexError) as error:
        return Unreadable(f"a line is not Prometheus' text format: {error}")
    if not found:
        return Unreadable("it has none of the counters that are known of this engine")
    values = {field: _value(field, each, found) for field, each in names.items()}
    for field, value in values.items():
        if value is not None and not _is_possible(field, value):
            return Unreadable(f"{field} is said to be {value:g}")
    return EngineCounters(**values)


def _samples(text: str, wanted: set[str], model: str) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    # Hundreds of lines are told, of which a few are wanted, every few seconds.
    lines = [line for line in text.split("\n") if _name(line) in wanted]
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            if not model or sample.labels.get("model") == model:
                found[sample.name].append(sample.value)
    return found


def _name(line: str) -> str:
    return line.partition("{")[0].partition(" ")[0]


def _value(field: str, names: Iterable[str], found: dict[str, list[float]]) -> float | None:
    values = next((found[name] for name in names if name in found), None)
    if values is None:
        return None
    return max(values) if field == "kv_cache_usage" else sum(values)


def _is_possible(field: str, value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= (1 if field == "kv_cache_usage" else math.inf)
