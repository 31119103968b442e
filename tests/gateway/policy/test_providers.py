"""What the catalog knows of providers is what the policy understands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import UseLimits
from kanoa_mlops.gateway.policy.allowance import LIMITS, Allowance
from kanoa_mlops.gateway.policy.limited import limited_until
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome

MOMENT = Moment(0.0, datetime(2026, 11, 28, 12, tzinfo=UTC))


def test_each_header_in_which_a_provider_says_when_is_understood(catalog: Catalog) -> None:
    headers = {name for provider in catalog.providers.values() for name in provider.limit_headers}
    assert len(headers) > 4
    for name in headers:
        assert limited_until(Outcome(429, headers={name: "42"}), MOMENT) == MOMENT.wall + timedelta(
            seconds=42
        )


def test_limits_have_the_same_names(catalog: Catalog) -> None:
    assert set(UseLimits.model_fields) == {*LIMITS, "source"}
    free = catalog.providers["groq"].offers_of("gpt-oss-120b")[0].limits
    assert free is not None
    allowance = Allowance({name: limit for name in LIMITS if (limit := getattr(free, name)) is not None})
    assert allowance.largest == 8000
