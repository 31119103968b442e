"""Whether anybody wants traces of requests: OpenTelemetry's own variables say so."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kanoa_mlops import __version__
from kanoa_mlops.gateway.trace import Traces

_log = logging.getLogger(__name__)
_WHERE = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_HOW = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"


@contextmanager
def tracing(environment: Mapping[str, str]) -> Iterator[Traces | None]:
    """For as long as the block; None where nobody wants any, or nothing here can send them."""
    variable = next((name for name in _WHERE if environment.get(name)), None)
    if variable is None or _is_off(environment):
        yield None
        return
    try:
        from kanoa_mlops.gateway.spans import Spans
    except ImportError:
        _log.warning(
            "%s is set, but nothing here can send traces. Run: pip install 'kanoa-mlops[otel]'", variable
        )
        yield None
        return
    for name in _HOW:
        if (protocol := environment.get(name)) and protocol != _SPOKEN:
            _log.warning("%s is %s; traces are sent by %s.", name, protocol, _SPOKEN)
    spans = Spans(__version__)
    try:
        yield spans
    finally:
        spans.close()


def _is_off(environment: Mapping[str, str]) -> bool:
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return disabled or environment.get("OTEL_TRACES_EXPORTER", "").strip() == "none"
