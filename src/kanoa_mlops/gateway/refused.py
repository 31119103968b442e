"""A refusal of the policy, in the envelope."""

from __future__ import annotations

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.policy.decision import Refuse


def refused(refusal: Refuse) -> ApiError:
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    param = "model" if refusal.status in (400, 404) else None
    return ApiError(refusal.status, refusal.message, code=refusal.code, param=param, headers=headers)
