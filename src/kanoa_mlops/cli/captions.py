"""Figures of documents, described by the vision model that is served on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.cli.client import Answered, stream_answer
from kanoa_mlops.gateway.description import LONGEST_ANSWER, PROMPT
from kanoa_mlops.gateway.images import image_part


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
        content = [image_part(image, "image/png"), {"type": "text", "text": PROMPT}]
        request = {
            "model": "vision",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": LONGEST_ANSWER,
            "temperature": 0,
        }
        return "".join(self._words(request))

    def _words(self, request: dict[str, object]) -> Iterator[str]:
        for piece in stream_answer(self._url, request):
            if not isinstance(piece, Answered):
                yield piece
