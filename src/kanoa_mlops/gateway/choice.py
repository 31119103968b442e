"""Which backend takes a request: a pure decision, and the one place for it."""

from __future__ import annotations

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.envelope import ApiError

_RETRY_AFTER = {"retry-after": "5"}  # seconds; loading takes some to some ten of them


def choose(model: str | None, backends: Backends) -> Backend:
    """The backend that serves `model`, a name or an alias; without a name the only one there is.

    Raises:
        ApiError: 404 for a model that is not served, 503 for one that is not ready and that no request wakes.
    """
    backend = find(model, backends)
    if backend.on_demand:
        return backend
    if backend.state == "loading":
        raise _not_ready(backend, "model_loading", f"{backend.model} is still loading")
    if backend.state == "down":
        raise _not_ready(backend, "model_down", f"{backend.model} is down")
    if backend.state == "asleep":
        raise _not_ready(backend, "model_asleep", f"{backend.model} is not loaded")
    return backend


def find(model: str | None, backends: Backends) -> Backend:
    """The backend of that name in whatever state.

    Raises:
        ApiError: 404, with the nearest names and all that are served.
    """
    served = backends.all()
    if model is None:
        if len(served) == 1:
            return served[0]
        raise _not_found("The request names no model.", backends)
    if backend := backends.find(model):
        return backend
    nearest = backends.nearest(model)
    meant = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    raise _not_found(f"The model {model!r} is not served here.{meant}", backends)


def _not_found(message: str, backends: Backends) -> ApiError:
    names = ", ".join(backend.model for backend in backends.all()) or "nothing"
    return ApiError(404, f"{message} Served: {names}.", code="model_not_found", param="model")


def _not_ready(backend: Backend, code: str, what: str) -> ApiError:
    reason = f": {backend.reason}" if backend.reason else ""
    return ApiError(503, f"{what}{reason}.", code=code, headers=_RETRY_AFTER)
