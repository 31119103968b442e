"""Who says what a 401 or 403 means: whoever knows the server."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.errors import KanoaError, SourceFailed
from kanoa_mlops.weights.web import Answer

Refused = Callable[[Answer], KanoaError]
"""A refusal in words. The message of a SourceFailed follows the name of who was asked; others stand alone."""

REFUSALS = frozenset({401, 403})


def plainly(hint: str) -> Refused:
    """No more than the status is known; `hint` says what to do."""
    return lambda answer: SourceFailed(f"refuses us (HTTP {answer.status})", hint=hint)
