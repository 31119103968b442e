"""Which model a request means."""

from __future__ import annotations

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.envelope import ApiError


def find(model: str | None, backends: Backends) -> Backend:
    """The nearest backend of the model that is called so, in whatever state; without a name of the only one.

    Raises:
        ApiError: 404, with the nearest names and all that are served.
    """
    if model is None:
        served = backends.models()
        if len(served) == 1:
            return served[0]
        raise _not_found("The request names no model.", backends)
    if backend := backends.find(model):
        return backend
    nearest = backends.nearest(model)
    meant = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    raise _not_found(f"The model {model!r} is not served here.{meant}", backends)


def _not_found(message: str, backends: Backends) -> ApiError:
    names = ", ".join(backend.model for backend in backends.models()) or "nothing"
    return ApiError(404, f"{message} Served: {names}.", code="model_not_found", param="model")
