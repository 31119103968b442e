"""Whose request it is."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.rate_limits import Place
from kanoa_mlops.gateway.envelope import ApiError


@dataclass(frozen=True)
class Guest:
    """Without a key, whoever sits at this machine."""

    key: Key | None = None
    admission: Place | None = None

    @property
    def id(self) -> str:
        return self.key.id if self.key else ""

    @property
    def may_burst(self) -> bool:
        """Whether its requests may leave for hosted or rented capacity; the owner's own may."""
        return self.key is None or self.key.limits.may_burst

    def require(self, model: str) -> None:
        """
        Raises:
            ApiError: 403, the key is not for this model.
        """
        if self.key and not self.key.allows(model):
            allowed = ", ".join(self.key.limits.models)
            raise ApiError(
                403,
                f"The key {self.key.name!r} is not for {model}. It is for: {allowed}.",
                code="model_not_allowed",
                param="model",
            )
