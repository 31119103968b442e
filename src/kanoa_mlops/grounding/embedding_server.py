"""Asking a server for vectors: its key, its patience, and what its refusals mean."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kanoa_mlops.errors import KanoaError, RetrieverFailed
from kanoa_mlops.grounding.numbers import missing

if TYPE_CHECKING:
    import httpx

_BUSY = (429, 503)
_LONGEST_WAIT = 60.0
"""Seconds that a busy server is waited for in all, whatever it asks for."""
_FIRST_PAUSE = 0.5
_MOST_SAID = 300
"""Characters of what the server said that go into an error."""
# OpenAI, vLLM and our gateway say it in a code; llama.cpp and others in words.
_TOO_LONG_CODE = "context_length_exceeded"
_TOO_LONG_WORDS = re.compile(
    r"too (long|large) to process|maximum (context|input) length|context (length|size)|larger than the max",
    re.IGNORECASE,
)
_HINTS = {
    401: "Give the key that the server expects.",
    403: "Give a key that may use this model.",
    404: "Ask the server's /v1/models what it serves; `kanoa-mlops serve` can serve an embedding model.",
}


class TooLong(Exception):
    """A text has more tokens than the model takes; `failure` says so in the server's words."""

    def __init__(self, failure: RetrieverFailed) -> None:
        super().__init__(failure.message)
        self.failure = failure


class EmbeddingServer:
    """One model of one server, asked by several threads."""

    def __init__(self, url: str, model: str, key: str, dimensions: int | None, seconds: float) -> None:
        """
        Raises:
            MissingExtra: httpx is not installed.
        """
        try:
            import httpx
        except ImportError as error:
            raise missing("httpx") from error
        self.model = model
        self._url = url.rstrip("/")
        self._dimensions = dimensions
        self._errors = httpx.HTTPError
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.Client = httpx.Client(timeout=seconds, headers=headers)

    def __str__(self) -> str:
        return f"{self.model} at {self._url}"

    def ask(self, texts: Sequence[str]) -> bytes:
        """The answer's body.

        Raises:
            RetrieverFailed: it was not reached, refused, or stayed busy.
            TooLong: one of the texts is.
        """
        asked: dict[str, Any] = {"model": self.model, "input": list(texts), "encoding_format": "base64"}
        if self._dimensions is not None:
            asked["dimensions"] = self._dimensions
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            answer = self._post(asked)
            if answer.status_code == 200:
                return answer.content
            wait = max(pause, _retry_after(answer))
            if answer.status_code not in _BUSY or waited + wait > _LONGEST_WAIT:
                raise self._refusal(answer)
            time.sleep(wait)
            waited, pause = waited + wait, pause * 2

    def failure(self, what: str, *, hint: str = "") -> RetrieverFailed:
        return RetrieverFailed(f"The embedding model {self} {what}.", hint=hint)

    def close(self) -> None:
        self._client.close()

    def _post(self, asked: dict[str, Any]) -> httpx.Response:
        try:
            return self._client.post(f"{self._url}/embeddings", json=asked)
        except self._errors as error:
            # Its own words may hold the request, and with it the key.
            raise self.failure(
                f"was not reached ({type(error).__name__})",
                hint="Start it: `kanoa-mlops serve all-minilm-l6-v2`, or correct the address.",
            ) from None

    def _refusal(self, answer: httpx.Response) -> KanoaError | TooLong:
        code, said = _said(answer)
        status = answer.status_code
        hint = _HINTS.get(status, "It is busy; try again later, or with fewer at once." * (status in _BUSY))
        failure = self.failure(f"answered HTTP {status}: {said}", hint=hint)
        return TooLong(failure) if is_too_long(status, code, said) else failure


def is_too_long(status: int, code: str, said: str) -> bool:
    """Whether a refusal means that one of the texts has more tokens than the model takes."""
    # llama.cpp says it with 500.
    return status in (400, 413, 422, 500) and bool(code == _TOO_LONG_CODE or _TOO_LONG_WORDS.search(said))


def _retry_after(answer: httpx.Response) -> float:
    """Seconds; the form with a date is not used for pauses this short."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0


def _said(answer: httpx.Response) -> tuple[str, str]:
    """(code, words) of an error, in OpenAI's form or any other."""
    try:
        error = answer.json()["error"]
        code, message = str(error.get("code", "")), str(error["message"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        code, message = "", answer.text
    return code, " ".join(message.split())[:_MOST_SAID].rstrip(".") or "without a word"
