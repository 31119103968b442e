"""Figures for models that cannot see: the image parts of a request become text, labelled as such."""

from __future__ import annotations

from typing import Protocol


class FigureReader(Protocol):
    """Something that turns an image into text for a model. Joined to the gateway at start."""

    name: str
    """What the answer's header says of how the figure reached the model, for example 'ocr'."""

    async def read(self, image: bytes) -> str:
        """The text that stands for the figure, with a first line that says what it is and how it was made.

        Raises:
            UnreadableImage: not an image, or larger than allowed.
        """
        ...


class UnreadableImage(Exception):
    """The bytes are no image this can read; the message says why, for the person who sent them."""
