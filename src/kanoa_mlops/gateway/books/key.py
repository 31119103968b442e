"""A key: whose it is, and what it allows. Its text is shown once and never kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from kanoa_mlops.errors import UserError

_PREFIX = "kanoa-"
"""By which people, and programs that look for secrets where none should be, know one."""
_ID_BYTES, _SECRET_BYTES = 4, 32
_ID = slice(len(_PREFIX), len(_PREFIX) + 2 * _ID_BYTES)
_LENGTH = _ID.stop + 1 + 43  # 32 bytes are 43 letters of base64
_LONGEST_NAME = 64


class Standing(StrEnum):
    """Whether a key may be used."""

    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class KeyLimits:
    """None, or no models: without a limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int | None = None
    """Requests at the same time."""
    micro_per_day: int | None = None
    """Micro-dollars, in a day of UTC."""
    micro_per_month: int | None = None
    models: tuple[str, ...] = ()
    """Names, or patterns such as 'qwen*'."""
    may_burst: bool = False
    """Its requests may leave for hosted or rented capacity."""

    def __post_init__(self) -> None:
        counts = (self.requests_per_minute, self.tokens_per_minute, self.parallel)
        sums = (self.micro_per_day, self.micro_per_month)
        if any(each is not None and each < 1 for each in counts):
            raise ValueError("a key that may do nothing is no key: limits are at least 1")
        if any(each is not None and each < 0 for each in sums):
            raise ValueError("a sum of money is not below zero")


@dataclass(frozen=True)
class Key:
    """Times are wall time: seconds since 1970."""

    id: str
    """Not secret; it is in the key, and names it everywhere."""
    name: str
    digest: bytes = field(repr=False)
    created: float
    expires: float | None = None
    revoked: float | None = None
    limits: KeyLimits = KeyLimits()

    def standing(self, now: float) -> Standing:
        if self.revoked is not None:
            return Standing.REVOKED
        return Standing.EXPIRED if self.expires is not None and now >= self.expires else Standing.GOOD

    def opens(self, text: str) -> bool:
        """Whether this is its text. Takes the same time however much of it is right."""
        return hmac.compare_digest(self.digest, _digest(text))

    def allows(self, model: str) -> bool:
        wanted = model.lower()
        patterns = self.limits.models
        return not patterns or any(fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


def new_key(
    name: str, now: float, *, expires: float | None = None, limits: KeyLimits | None = None
) -> tuple[Key, str]:
    """A key to keep, and its text to show once.

    Raises:
        UserError: the name is empty, too long or not printable.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UserError(
            f"{name!r} is no name for a key.", hint=f"At most {_LONGEST_NAME} letters, and at least one."
        )
    id = secrets.token_hex(_ID_BYTES)
    text = f"{_PREFIX}{id}-{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Key(id, name.strip(), _digest(text), now, expires, limits=limits or KeyLimits()), text


def id_of(text: str) -> str | None:
    """The id in what somebody gave as a key; None where it cannot be one of ours."""
    if len(text) != _LENGTH or not text.startswith(_PREFIX) or not text.isascii():
        return None
    return text[_ID]


def _digest(text: str) -> bytes:
    # A slow hash protects passwords, which can be guessed. Of 256 random bits nobody guesses one, and a slow
    # hash would be paid for by every request.
    return hashlib.sha256(text.encode()).digest()
