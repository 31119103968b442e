"""What the owner allows, as it is written in the `burst:` section of a file."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)

from kanoa_mlops.api_address import parse_api_address
from kanoa_mlops.catalog.fields import Count, DollarsPerMillion, Id
from kanoa_mlops.gateway.books.money import MICRO, parse_micro
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.placed import Placed
from kanoa_mlops.units import parse_dollars, parse_duration, parse_tokens

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_PRINTABLE = re.compile(r"[ -~]*")
_OURS = ("authorization", "host", "connection", "transfer-encoding", "cookie")


def _micro(text: str) -> int:
    return parse_micro(str(parse_dollars(text)))


def _tokens(value: object) -> int:
    if type(value) is int or (isinstance(value, str) and value.isdecimal()):
        return int(value)
    return parse_tokens(str(value))


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not _PRINTABLE.fullmatch(value):
            raise ValueError(f"{name!r} is no header that can be sent")
        if name.lower() in _OURS or name.lower().startswith("content-"):
            raise ValueError(f"{name} is set by the gateway")
    return headers


def _address(text: str) -> str:
    """
    Raises:
        ValueError: no address that a key may be sent to.
    """
    scheme, host = parse_api_address(text, key_field="key_file")
    if scheme == "http" and not is_loopback(host):
        raise ValueError("a key goes beyond this machine by https:// alone")
    return text.rstrip("/")


def written_sum(micro: int) -> str:
    """'2.5 $', as a file has it."""
    return f"{(Decimal(micro) / MICRO).normalize():f} $"


def _written_price(price: Decimal) -> str:
    return f"{price:f} $/Mtok"


Micro = Annotated[int, BeforeValidator(_micro), PlainSerializer(written_sum)]
"""Micro-dollars, written as dollars: '2.50 $'."""
Seconds = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(lambda value: f"{value:.15g} s")]
"""Written with their unit: '10 s'."""
Tokens = Annotated[int, BeforeValidator(_tokens), Field(gt=0)]
"""A whole number, with or without its unit: '8192 tokens'."""
PerMillion = Annotated[DollarsPerMillion, PlainSerializer(_written_price)]


class LimitsConfig(Placed):
    """What one account may use, where that is known or is other than the catalog says."""

    requests_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None


class PriceConfig(Placed):
    prompt: PerMillion
    answer: PerMillion


class _Allowed(Placed):
    model: str = Field(alias="for", min_length=1)
    """The served name behind which it stands."""
    id: Id | None = None
    """The backend's; made from the provider's where it is not given."""
    max_per_day: Micro | None = None
    """Of UTC."""
    max_per_month: Micro | None = None
    limits: LimitsConfig = LimitsConfig()
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)
    """Of a request, beside the key."""
    key_file: Path | None = None
    """Holds the key alone; relative to the folder of this file."""
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Of the environment of the gateway."""

    def setting(self, name: str, value: str = "") -> str:
        """As its owner would write it, who is told to."""
        return f"{name}: {value}" if value else name

    @model_validator(mode="after")
    def _one_place_for_the_key(self) -> Self:
        if self.key_file and self.key_variable:
            raise ValueError("key_file and key_variable are both given; keep one")
        return self


class AllowedProvider(_Allowed):
    """A model of a provider that the catalog knows."""

    provider: str
    target: str = Field(default="", alias="with")
    """What answers: a model of the catalog or the provider's own name; as it comes, the same model."""
    plan: Literal["free", "paid"] | None = None
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    """The owner's id there, where it is part of the address."""


class AllowedAddress(_Allowed):
    """Whatever speaks as OpenAI does."""

    base_url: Annotated[str, AfterValidator(_address)]
    """As OpenAI's clients take it, with `/v1`."""
    name: str = Field(min_length=1)
    """What it calls the model."""
    price: PriceConfig
    """Zero where it is free."""
    context: Tokens
    """Tokens of one request, prompt and answer."""
    sees: bool = False
    """Takes images."""
    tools: bool = False
    structured: bool = False
    """Follows a schema."""
    reasons: bool = False
    """Thinks before it answers."""
    tier: Literal["hosted", "cloud"] = "hosted"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""


def _which(entry: object) -> str | None:
    if isinstance(entry, AllowedProvider) or (isinstance(entry, dict) and "provider" in entry):
        return "(provider)"
    if isinstance(entry, AllowedAddress) or (isinstance(entry, dict) and "base_url" in entry):
        return "(address)"
    return None


# In round brackets, so that it is told from a key of the file where a mistake is placed.
Allowed = Annotated[
    Annotated[AllowedProvider, Tag("(provider)")] | Annotated[AllowedAddress, Tag("(address)")],
    Discriminator(
        _which,
        custom_error_type="neither",
        custom_error_message="It names neither a provider nor a base_url",
    ),
]


class BurstConfig(Placed):
    after: Seconds = 10.0
    """Of waiting, gone and expected, from which on a request may leave."""
    max_per_day: Micro | None = None
    """At all of them, in a day of UTC."""
    max_per_month: Micro | None = None
    allowed: tuple[Allowed, ...] = ()


class BurstDocument(Placed):
    """A file of its own."""

    burst: BurstConfig | None = None
