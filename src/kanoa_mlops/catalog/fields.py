"""Values as they are written: names, and numbers with their units."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from kanoa_mlops.units import (
    parse_bytes,
    parse_dollars,
    parse_flops,
    parse_rate,
    parse_token_price,
    parse_tokens,
)

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
"""Written with its unit: '98362432 B'."""
Tokens = Annotated[int, BeforeValidator(parse_tokens)]
"""Written with its unit: '8192 tokens'."""
BytesPerSecond = Annotated[float, BeforeValidator(parse_rate)]
"""Written with its unit: '960 GB/s'."""
Flops = Annotated[float, BeforeValidator(parse_flops)]
"""Operations a second, written with their unit: '113 TFLOPS'."""
Count = Annotated[int, Field(gt=0, strict=True)]
Share = Annotated[float, Field(gt=0, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""The name of an entry's file; not written in it."""
SourceName = Annotated[str, Field(min_length=1)]
"""A key of the entry's `sources`."""
Dollars = Annotated[Decimal, BeforeValidator(parse_dollars)]
"""Written with its unit: '0.10 $'."""
DollarsPerMillion = Annotated[Decimal, BeforeValidator(parse_token_price)]
"""Written with its unit: '0.15 $/Mtok'."""
