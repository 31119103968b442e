"""What a gateway tells of itself at one moment: its backends, and its counters."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from pydantic import TypeAdapter, ValidationError

from kanoa_mlops.cli.client import get
from kanoa_mlops.errors import Failure

_COUNTED = (
    ("kanoa_requests_total", "model"),
    ("kanoa_requests_total", "backend"),
    ("kanoa_prompt_tokens_total", "model"),
    ("kanoa_completion_tokens_total", "model"),
    ("kanoa_engine_prompt_tokens_total", "backend"),
    ("kanoa_engine_generation_tokens_total", "backend"),
)
"""Names of counters, and the label by which each is added up."""


@dataclass(frozen=True)
class Seen:
    """One backend, as `/status` has it."""

    id: str
    model: str
    tier: str
    engine: str
    state: str
    reason: str
    seconds_left: float | None
    """Until its state is expected to change by itself."""
    in_flight: int
    capacity: int
    service_seconds: float | None = None
    """What one request takes there on average."""


@dataclass(frozen=True)
class _Status:
    backends: tuple[Seen, ...]
    queued: dict[str, int]


Counters = Mapping[tuple[str, str, str], float]
"""Name of the counter, label and its value -> what it stands at."""


@dataclass(frozen=True)
class Scrape:
    at: float
    """Seconds of a clock that only goes forward."""
    backends: tuple[Seen, ...]
    queued: Mapping[str, int]
    """Requests that wait, by model."""
    counters: Counters


_STATUS = TypeAdapter(_Status)


def scrape(url: str) -> Scrape:
    """
    Args:
        url: of the gateway, without `/v1`.

    Raises:
        NothingServed: nothing answers there.
        Failure: what answers is no gateway, or one of another version.
    """
    try:
        status = _STATUS.validate_json(get(f"{url}/status"))
        counters = counters_in(get(f"{url}/metrics").decode())
    except (ValidationError, ValueError) as error:
        raise Failure(f"{url} does not tell how it stands: something else may listen there.") from error
    return Scrape(time.monotonic(), status.backends, status.queued, counters)


def counters_in(text: str) -> Counters:
    """Of Prometheus' text format, what is of use here.

    Raises:
        ValueError: it is none.
    """
    found: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name, label in _COUNTED:
                if sample.name == name and label in sample.labels:
                    found[name, label, sample.labels[label]] += sample.value
    return dict(found)
