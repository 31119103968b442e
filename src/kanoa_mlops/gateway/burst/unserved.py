"""What is allowed for a model that no backend here serves: meant so, or misspelt."""

from __future__ import annotations

from collections.abc import Iterable

from kanoa_mlops.nearest import nearest_names


def unserved(model: str, served: Iterable[str]) -> str:
    """A warning; '' where it is served, or nothing here has a name like it: then hosted alone is meant.

    Args:
        model: whom something beyond may stand in for.
        served: names and aliases of what answers here.
    """
    names = {name.lower(): name for name in served}
    near = nearest_names(model, names.values())
    if model.lower() in names or not near:
        return ""
    return f"no backend here serves {model}; did you mean {' or '.join(near)}?"
