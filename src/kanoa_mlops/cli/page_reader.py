"""Scanned pages of documents, read by the OCR that reads figures."""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.gateway.figures import UnreadableImage
from kanoa_mlops.gateway.ocr import ocr_missing
from kanoa_mlops.gateway.ocr.fragments import load_engine
from kanoa_mlops.gateway.ocr.image import decode

_MOST_PIXELS = 40_000_000
_SURE = 0.5
"""Of 1; below, what was read are specks."""


def page_reader() -> OcrPages | None:
    """None where the OCR is not installed."""
    return None if ocr_missing() else OcrPages()


class OcrPages:
    """Of printed text in lines. The model is loaded with the first page that needs it."""

    def __init__(self) -> None:
        self._engine: Any = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return f"ocr {version('rapidocr-onnxruntime')}"

    def read(self, image: bytes) -> str:
        """
        Raises:
            UnreadableDocument: it is no image that can be read.
        """
        try:
            pixels = decode(image, _MOST_PIXELS)
        except UnreadableImage as error:
            raise UnreadableDocument(f"The page cannot be read by OCR: {error}") from error
        with self._lock:  # it takes all threads it may for one page
            self._engine = self._engine or load_engine(0)
            lines, _ = self._engine(pixels)
        return "\n".join(text for _, text, sure in lines or () if float(sure) >= _SURE)
