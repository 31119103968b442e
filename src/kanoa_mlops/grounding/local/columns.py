"""Attributes of many documents, and which of them pass a filter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.filters import Attributes, Comparison, Filter, Junction, Value, as_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


class Columns:
    """Of documents in a row. Each value is compared once, however many documents have it."""

    def __init__(self, attributes: Sequence[Attributes]) -> None:
        self._attributes = attributes
        self._columns: dict[str, tuple[list[Value], NDArray[np.int32]]] = {}
        self._masks: dict[str, Mask] = {}

    def passing(self, wanted: Filter) -> Mask:
        # By its JSON: to Python, true is the same as 1.
        key = json.dumps(as_json(wanted))
        if (known := self._masks.get(key)) is None:
            known = self._masks[key] = self._passing(wanted)
        return known

    def _passing(self, wanted: Filter) -> Mask:
        if isinstance(wanted, Junction):
            each = [self._passing(one) for one in wanted.filters]
            return reduce(np.logical_and if wanted.operator == "and" else np.logical_or, each)
        return self._compared(wanted)

    def _compared(self, comparison: Comparison) -> Mask:
        values, codes = self._column(comparison.key)
        without = comparison.passes({})
        passes = [without, *(comparison.passes({comparison.key: value}) for value in values)]
        return np.array(passes, dtype=np.bool_)[codes]

    def _column(self, key: str) -> tuple[list[Value], NDArray[np.int32]]:
        """The values there are, and for each document which it has, counted from 1; 0 for none."""
        if (known := self._columns.get(key)) is None:
            numbers: dict[tuple[type, Value], int] = {}
            codes = np.zeros(len(self._attributes), dtype=np.int32)
            for at, attributes in enumerate(self._attributes):
                if (value := attributes.get(key)) is not None:
                    codes[at] = numbers.setdefault((type(value), value), len(numbers) + 1)
            known = self._columns[key] = ([value for _, value in numbers], codes)
        return known
