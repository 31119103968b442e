"""Figures of documents, described by the vision model that is served on this machine."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from kanoa_mlops.cli.client import Answered, stream_answer
from kanoa_mlops.gateway.description import PROMPT

_MOST_TOKENS = 800


class Captions:
    """By the model that answers to `vision`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def describe(self, image: bytes) -> str:
        """
        Args:
            image: a PNG of the whole page.

        Raises:
            KanoaError: no model that sees is served, or it failed.
        """
        picture = {"url": f"data:image/png;base64,{base64.b64encode(image).decode('ascii')}"}
        content = [{"type": "image_url", "image_url": picture}, {"type": "text", "text": PROMPT}]
        request = {
            "model": "vision",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": _MOST_TOKENS,
            "temperature": 0,
        }
        return "".join(self._words(request))

    def _words(self, request: dict[str, object]) -> Iterator[str]:
        for piece in stream_answer(self._url, request):
            if not isinstance(piece, Answered):
                yield piece
