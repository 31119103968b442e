"""Who reads pictures for us; joined from outside, as nothing here knows OCR or a model."""

from __future__ import annotations

from typing import Protocol


class PageReader(Protocol):
    """Text of a scanned page, by OCR. Called from several threads."""

    @property
    def name(self) -> str:
        """With its version, if another one reads otherwise."""
        ...

    def read(self, image: bytes) -> str:
        """Of a PNG; empty where there is no text.

        Raises:
            KanoaError: it cannot be read.
        """
        ...


class FigureReader(Protocol):
    """What the figures of a page show, by a model that sees."""

    def describe(self, image: bytes) -> str:
        """Of a PNG of the whole page: kind, axes, series, what it shows; empty where there is no figure.

        Raises:
            KanoaError: the model was not reached, or refused.
        """
        ...
