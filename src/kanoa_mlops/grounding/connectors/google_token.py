"""Google's access token of whoever runs this, found by google-auth where Google's own tools find it."""

from __future__ import annotations

import threading
from typing import Any

from kanoa_mlops.errors import MissingExtra, RetrieverFailed

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleToken:
    """Renewed when its hour is over. One of these serves all threads."""

    def __init__(self, name: str) -> None:
        """
        Args:
            name: of the store, for what is said.
        """
        self._name = name
        self._lock = threading.Lock()
        self._credentials: Any = None

    def text(self) -> str:
        """
        Raises:
            MissingExtra: google-auth is not installed.
            RetrieverFailed: there are no credentials, or Google does not renew them.
        """
        try:
            import google.auth
            import google.auth.exceptions
            from google.auth.transport.requests import Request
        except ImportError as error:
            raise MissingExtra(
                "There is no access token, and google-auth, which finds one, is not installed.",
                hint="pip install 'kanoa-mlops[vertex]', or name a token as api_key_env or api_key_file.",
            ) from error
        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[_SCOPE])
                if not self._credentials.valid:
                    self._credentials.refresh(Request())
            except google.auth.exceptions.GoogleAuthError as error:
                raise RetrieverFailed(
                    f"{self._name}: Google gives no access token ({type(error).__name__}).",
                    hint="Run `gcloud auth application-default login`, or name a token as api_key_file.",
                ) from error
            return str(self._credentials.token)
