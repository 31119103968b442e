"""Small things that several gateways keep in common: a name, and values under it that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

State = Mapping[str, Any]
"""Empty where nothing was kept yet."""
Change = Callable[[State, float], State]
"""What was kept, and the database's wall time -> what is kept from now on. It may be called again."""


def dumped(state: State) -> str:
    # Python's numbers, however large, come back as they were; of NaN other readers know nothing.
    return json.dumps(dict(state), allow_nan=False)


def loaded(text: str) -> State:
    found: State = json.loads(text)
    return found
