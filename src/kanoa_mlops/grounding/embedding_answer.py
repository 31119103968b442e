"""The vectors in an answer of `/v1/embeddings`, checked one by one."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.numbers import numpy

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors


def read_vectors(body: bytes, count: int, model: str) -> Vectors:
    """One row a text in the order they were asked, of length 1.

    Raises:
        RetrieverFailed: not as many vectors as texts, of several dimensions, not finite, or of length 0.
    """
    np = numpy()
    rows = [_numbers(each, model) for each in _in_order(body, count, model)]
    if len({row.size for row in rows}) != 1 or rows[0].size == 0:
        raise _bad(model, "vectors of several dimensions")
    vectors = np.stack(rows)
    if not np.isfinite(vectors).all():
        raise _bad(model, "a vector with a number that is not finite")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise _bad(model, "a vector of zeros")
    unit: Vectors = (vectors / lengths).astype(np.float32)
    return unit


def _in_order(body: bytes, count: int, model: str) -> Sequence[Any]:
    try:
        data = json.loads(body)["data"]
        by_index = {each["index"]: each["embedding"] for each in data}
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _bad(model, "something that is no answer of /v1/embeddings") from error
    if by_index.keys() != set(range(count)) or len(data) != count:
        raise _bad(model, f"{len(data)} vectors for {count} texts")
    return [by_index[index] for index in range(count)]


def _numbers(given: str | Sequence[float], model: str) -> Any:
    """From base64 of 32-bit floats, or from a list: some servers do not know what was asked for."""
    np = numpy()
    try:
        if isinstance(given, str):
            return np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4")
        if isinstance(given, Mapping):
            raise TypeError
        row = np.asarray(given, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise _bad(model, "a vector that is neither base64 nor a list of numbers") from error
    if row.ndim != 1:
        raise _bad(model, "a vector for each token, not for the text")
    return row


def _bad(model: str, what: str) -> RetrieverFailed:
    return RetrieverFailed(
        f"The embedding model {model} gave {what}.",
        hint="Is it an embedding model, and the server one that speaks OpenAI's /v1/embeddings?",
    )
