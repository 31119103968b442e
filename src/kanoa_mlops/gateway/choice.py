"""Which model a request means."""

from __future__ import annotations

from collections.abc import Sequence

from kanoa_mlops.gateway.backends import Backend, Backends, Kind
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.refusals import unknown_model
from kanoa_mlops.gateway.refused import refused


def find(model: str | None, backends: Backends, kind: Kind | None = None) -> Backend:
    """The nearest backend of the model that is called so, in whatever state; without a name of the only one.

    Args:
        kind: of the models that are meant, where no name is given.

    Raises:
        ApiError: 404, with the nearest names and all that are served.
    """
    served = backends.models()
    found = backends.find(model) if model is not None else _only(served, kind)
    if found is None:
        pools = [Pool(each.model, (), backends.aliases(each.model)) for each in served]
        raise refused(unknown_model(model, pools))
    return found


def _only(served: Sequence[Backend], kind: Kind | None) -> Backend | None:
    """The one there is; else the one that does what is asked for."""
    if len(served) == 1:
        return served[0]
    able = [each for each in served if kind is not None and each.kind in (None, kind)]
    return able[0] if len(able) == 1 else None
