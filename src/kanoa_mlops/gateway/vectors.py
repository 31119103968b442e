"""What a model's vectors are, and an answer with them cut to fewer numbers."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.response import Response


@dataclass(frozen=True)
class Vectors:
    """Of a model that makes them."""

    dimensions: int
    """Numbers of one."""
    shortest: int | None = None
    """It may be cut to any length from this one on; None where it is of use only whole."""
    cuts: tuple[int, ...] = ()
    """The lengths it may be cut to, where the model was trained for these alone."""
    query_prompt: str = ""
    """What the model wants written before a question."""
    document_prompt: str = ""

    @property
    def lengths(self) -> str:
        """To which lengths it may be cut, in words; '' where it may not be."""
        if self.cuts:
            return f"to {' or '.join(map(str, self.cuts))}"
        return f"to any length from {self.shortest} on" if self.shortest else ""

    def allow(self, dimensions: int) -> bool:
        if dimensions == self.dimensions or dimensions in self.cuts:
            return True
        return self.shortest is not None and self.shortest <= dimensions <= self.dimensions


def wished_dimensions(fields: Mapping[str, Any], model: str, vectors: Vectors) -> int | None:
    """To how many numbers the answer's vectors are to be cut; None where they are taken whole.

    Raises:
        ApiError: 400, the model's vectors cannot be cut to that.
    """
    wished = fields.get("dimensions")
    if wished is None:
        return None
    if not isinstance(wished, int) or isinstance(wished, bool) or not vectors.allow(wished):
        may = f"may be cut {vectors.lengths}" if vectors.lengths else "cannot be cut: leave out dimensions"
        raise ApiError(
            400,
            f"{model} makes vectors of {vectors.dimensions} numbers, which {may}.",
            code="dimensions_not_supported",
            param="dimensions",
        )
    return None if wished == vectors.dimensions else wished


def cut(answer: Response, dimensions: int) -> Response:
    """The answer with its vectors cut, and of length 1 again; in the form they came in."""
    try:
        document = orjson.loads(answer.body)
        for each in document["data"]:
            each["embedding"] = _cut(each["embedding"], dimensions)
    except (ValueError, LookupError, TypeError) as error:
        raise ApiError(
            502, "The engine's answer has no embeddings.", code="engine_bad_answer", source="engine"
        ) from error
    return Response(answer.status, orjson.dumps(document), answer.headers)


def _cut(given: str | Sequence[float], dimensions: int) -> str | list[float]:
    if not isinstance(given, str):
        return _unit(given[:dimensions])
    vector = array("f", base64.b64decode(given, validate=True))
    if sys.byteorder == "big":
        vector.byteswap()
    shorter = array("f", _unit(vector[:dimensions]))
    if sys.byteorder == "big":
        shorter.byteswap()
    return base64.b64encode(shorter.tobytes()).decode()


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [number / length for number in vector] if length else list(vector)
