"""What can be wrong with a server, whatever it is asked."""

from __future__ import annotations

from enum import Enum

import psycopg


class Trouble(Enum):
    AWAY = "not reached, or no longer"
    """Or it did not let us in: a wrong password has no code of its own on every way there."""
    BUSY = "held by others, or a statement took too long"
    FULL = "its disk is full"
    FORBIDDEN = "rights lack, or it may only be read"
    DAMAGED = "it says so itself"


_CODES = {
    "53100": Trouble.FULL,
    "40001": Trouble.BUSY,
    "40P01": Trouble.BUSY,
    "55P03": Trouble.BUSY,
    "57014": Trouble.BUSY,
    "25006": Trouble.FORBIDDEN,
    "42501": Trouble.FORBIDDEN,
}
"""https://www.postgresql.org/docs/18/errcodes-appendix.html"""


def trouble(error: psycopg.Error) -> Trouble | None:
    """None for a mistake in what was asked."""
    code = error.sqlstate or ""
    if code in _CODES:
        return _CODES[code]
    if code.startswith(("58", "XX")):
        return Trouble.DAMAGED
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Trouble.AWAY
    return None
