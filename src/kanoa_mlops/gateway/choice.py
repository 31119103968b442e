"""Which model a request means."""

from __future__ import annotations

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.refusals import unknown_model
from kanoa_mlops.gateway.refused import refused


def find(model: str | None, backends: Backends) -> Backend:
    """The nearest backend of the model that is called so, in whatever state; without a name of the only one.

    Raises:
        ApiError: 404, with the nearest names and all that are served.
    """
    served = backends.models()
    found = backends.find(model) if model is not None else served[0] if len(served) == 1 else None
    if found is None:
        pools = [Pool(each.model, (), backends.aliases(each.model)) for each in served]
        raise refused(unknown_model(model, pools))
    return found
