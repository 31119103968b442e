"""Figures for models that cannot see: the image parts of a request become text, labelled as such."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.images import Reference, decode, references, with_texts
from kanoa_mlops.gateway.prepare import Prepared, encode, prepare


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


@dataclass(frozen=True)
class FigureDesk:
    """Decides what becomes of the images in a chat request."""

    backends: Backends
    reader: FigureReader | None
    max_images: int
    allow_remote: bool
    observe: Callable[[float], None]
    """Is told how many seconds each reading took."""

    async def prepare(self, asked: Asked, backend: Backend) -> Prepared:
        """Like `prepare`, and each image for a model that cannot see becomes the text read from it.

        Raises:
            ApiError: 400 for an address instead of an image, for too many, for one that cannot be read, and
                where nothing here can see or read.
        """
        found = references(asked.fields)
        images = [each for each in found if each.kind == "image_url"]
        self._check(found, images, backend)
        if backend.sees or not images:
            return prepare(asked, backend)
        reader = self._reader(backend, images[0])
        texts = {image.place: await self._read(reader, image) for image in images}
        return Prepared(encode(with_texts(asked.fields, texts), backend), reader.name)

    def _check(self, found: list[Reference], images: list[Reference], backend: Backend) -> None:
        if len(images) > self.max_images:
            raise ApiError(
                400,
                f"The request has {len(images)} images; at most {self.max_images} are taken.",
                code="too_many_images",
                param=images[self.max_images].param,
            )
        for each in found:
            if not each.is_data and not (self.allow_remote and backend.sees):
                raise _remote(each)

    def _reader(self, backend: Backend, image: Reference) -> FigureReader:
        if self.reader is not None:
            return self.reader
        seeing = ", ".join(each.model for each in self.backends.all() if each.sees) or "none"
        raise ApiError(
            400,
            f"{backend.model} cannot see images, and nothing is installed here to read their text. "
            f"Served models that see: {seeing}. To have the text of figures read: "
            "pip install 'kanoa-mlops[figures]' and start the server again.",
            code="images_not_supported",
            param=image.param,
        )

    async def _read(self, reader: FigureReader, image: Reference) -> str:
        began = time.monotonic()
        try:
            text = await reader.read(decode(image))
        except UnreadableImage as error:
            raise ApiError(400, str(error), code="invalid_image", param=image.param) from error
        except KanoaError as error:
            message = f"{error.message} {error.hint}".strip()
            raise ApiError(500, message, code="figure_reader_failed", param=image.param) from error
        self.observe(time.monotonic() - began)
        return text


def _remote(reference: Reference) -> ApiError:
    return ApiError(
        400,
        "Addresses are never fetched on a request's behalf. Send the content itself, for example "
        "data:image/png;base64,...",
        code="remote_content_refused",
        param=reference.param,
    )
