"""A provider that is asked by HTTP with JSON: in bounded time, and its key is never said."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanoa_mlops.errors import RetrieverFailed, SettingsError
from kanoa_mlops.grounding.connectors.patience import ANSWER_SECONDS, CONNECT_SECONDS
from kanoa_mlops.grounding.numbers import missing

if TYPE_CHECKING:
    import httpx

_PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may be gone a moment later. A search changes nothing, so it can be asked for again."""
_LONGEST_PAUSE = 2.0
_MOST_BYTES = 32 * 2**20
_MOST_SAID = 300
"""Characters of what it said that go into an error."""
_HINTS = {
    400: "The entry of the store in grounding.yaml may name what it does not know.",
    401: "The key is wrong or has expired: see api_key_env or api_key_file in grounding.yaml.",
    403: "The key may not search this store.",
    404: "There is no such store there: correct its id or the address in grounding.yaml.",
    429: "It is asked too often; try again later.",
}


class Service:
    """One of these serves all threads."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        certificates: Path | None = None,
    ) -> None:
        """
        Args:
            name: of the store, for what is said.
            headers: those with the key, looked up for every request as some keys last an hour.

        Raises:
            MissingExtra: httpx is not installed.
            SettingsError: the certificates cannot be read.
        """
        try:
            import httpx
        except ImportError as error:
            raise missing("httpx") from error
        self._name, self._url, self._headers = name, url.rstrip("/"), headers
        self._httpx = httpx
        self._client: httpx.Client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS), verify=_trust(certificates)
        )

    def get(self, path: str) -> Any:
        """What it answers.

        Raises:
            RetrieverFailed: it was not reached, refused, or answered with what is no JSON.
        """
        return self._ask("GET", path, None, None)

    def post(self, path: str, body: Mapping[str, Any], params: Mapping[str, str] | None = None) -> Any:
        """What it answers.

        Raises:
            RetrieverFailed: it was not reached, refused, or answered with what is no JSON.
        """
        return self._ask("POST", path, body, params)

    def close(self) -> None:
        self._client.close()

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> Any:
        until = time.monotonic() + CONNECT_SECONDS + ANSWER_SECONDS
        for last in (False, True):
            try:
                with self._client.stream(
                    method, self._url + path, json=body, params=params, headers=dict(self._headers())
                ) as answer:
                    text = self._read(answer, until)
                if answer.status_code == 200:
                    return json.loads(text)
                pause = _retry_after(answer)
                if last or answer.status_code not in _PASSING or pause > _LONGEST_PAUSE:
                    raise self._refusal(answer, text)
                time.sleep(pause)
            except self._httpx.TimeoutException as error:
                raise self._unreached(error) from None
            except (self._httpx.RequestError, self._httpx.InvalidURL) as error:
                if last:
                    # Without the cause: it holds the request, and with it the key.
                    raise self._unreached(error) from None
            except (ValueError, RecursionError):
                raise self._failure("answered with what is no JSON", "Is base_url right?") from None
        raise AssertionError("unreachable: the second try returns or raises")

    def _read(self, answer: httpx.Response, until: float) -> bytes:
        pieces = bytearray()
        for piece in answer.iter_bytes():
            pieces += piece
            if len(pieces) > _MOST_BYTES:
                raise self._failure(f"answered with more than {_MOST_BYTES // 2**20} MiB", "Ask for fewer.")
            if time.monotonic() > until:
                raise self._failure("did not come to the end of its answer in time", "Try again later.")
        return bytes(pieces)

    def _refusal(self, answer: httpx.Response, text: bytes) -> RetrieverFailed:
        said = _words(text)
        for secret in self._headers().values():
            said = said.replace(secret.removeprefix("Bearer "), "[key]")
        status = answer.status_code
        hint = _HINTS.get(status, "Its own log may say more." if status >= 500 else "")
        return self._failure(f"answered HTTP {status}: {said[:_MOST_SAID]}", hint)

    def _unreached(self, error: Exception) -> RetrieverFailed:
        return self._failure(
            f"was not reached ({type(error).__name__})", "Is it up, and is the address right?"
        )

    def _failure(self, what: str, hint: str) -> RetrieverFailed:
        return RetrieverFailed(f"{self._name}: {self._url} {what.rstrip('.')}.", hint=hint)


def _trust(certificates: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificates is not None:
        try:
            folder = certificates.is_dir()
            context.load_verify_locations(
                None if folder else str(certificates), str(certificates) if folder else None
            )
        except OSError as error:
            raise SettingsError(f"certificates: {certificates} cannot be read: {error.strerror}.") from error
    return context


def _retry_after(answer: httpx.Response) -> float:
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0.5")))
    except ValueError:  # a date
        return _LONGEST_PAUSE + 1


def _words(text: bytes) -> str:
    """Of an error in OpenAI's, Azure's, Google's, Chroma's or FastAPI's form, or of none."""
    try:
        given = json.loads(text)
        error = given.get("error") or given.get("detail") or given
        # Chroma's `error` is only a name of what its `message` says.
        said = error.get("message") if isinstance(error, dict) else given.get("message") or error
    except (ValueError, AttributeError, RecursionError):
        said = None
    return " ".join(str(said or text.decode("utf-8", "replace")).split()) or "without a word"
