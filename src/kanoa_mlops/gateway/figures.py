"""Figures for models that cannot see: the image parts of a request become text, labelled as such."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.describe import Described, Describer
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.figure_notes import DESCRIBED, NO_FIGURES, FigureNotes
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.images import Picture, Place, Reference, decode, references, with_texts
from kanoa_mlops.gateway.prepare import as_json

Wish = Literal["", "describe", "read"]
"""How figures are to reach a model that cannot see: as it comes best, through one that sees, or by OCR."""
_WISHES: Mapping[str, Wish] = {"": "", "describe": "describe", "read": "read"}

_log = logging.getLogger("kanoa_mlops.gateway")


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
    describer: Describer
    max_images: int
    allow_remote: bool
    observe: Callable[[float], None]
    """Is told how many seconds each reading took."""

    async def convey(
        self, asked: Asked, backend: Backend, wish: Wish, request_id: str, guest: Guest
    ) -> tuple[Asked, FigureNotes]:
        """The request as this backend can take it: of one that cannot see, each image becomes a text.

        Raises:
            ApiError: 400 for an address instead of an image, for too many, for one that cannot be read, and
                where nothing here can see or read; 503 where what can see failed and nothing reads.
        """
        found = references(asked.fields)
        images = [each for each in found if each.kind == "image_url"]
        self._check(found, images, backend)
        if backend.sees or not images:
            return asked, NO_FIGURES
        pictures = [Picture(image, decode(image)) for image in images]
        described = await self._describe(pictures, wish, request_id, guest)
        missing = [each for each in pictures if each.place not in described.texts]
        texts = described.texts | await self._read_each(missing, described, backend)
        notes = self._notes(pictures, described)
        if notes.warning:
            _log.warning("figure id=%s %s", request_id, notes.warning)
        fields = with_texts(asked.fields, numbered(pictures, texts))
        return replace(asked, fields=fields, raw=as_json(fields)), notes

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

    async def _describe(
        self, pictures: Sequence[Picture], wish: Wish, request_id: str, guest: Guest
    ) -> Described:
        if wish == "read":
            return Described()
        described = await self.describer.describe(pictures, request_id, guest)
        if wish == "describe" and not described.model:
            described.reason = "no model that sees is served"
        return described

    async def _read_each(
        self, pictures: Sequence[Picture], described: Described, backend: Backend
    ) -> dict[Place, str]:
        if pictures and self.reader is None:
            raise self._nobody_reads(pictures[0].reference, described, backend)
        return {each.place: await self._read(self.reader, each) for each in pictures if self.reader}

    async def _read(self, reader: FigureReader, picture: Picture) -> str:
        began = time.monotonic()
        try:
            text = await reader.read(picture.data)
        except UnreadableImage as error:
            raise ApiError(400, str(error), code="invalid_image", param=picture.reference.param) from error
        except KanoaError as error:
            message = f"{error.message} {error.hint}".strip()
            raise ApiError(
                500, message, code="figure_reader_failed", param=picture.reference.param
            ) from error
        self.observe(time.monotonic() - began)
        return text

    def _notes(self, pictures: Sequence[Picture], described: Described) -> FigureNotes:
        missing = [number for number, each in enumerate(pictures, 1) if each.place not in described.texts]
        reader = self.reader.name if missing and self.reader else ""
        ways = [DESCRIBED] * bool(described.texts) + [reader] * bool(missing)
        warning = ""
        if described.reason:
            which = f"figure {', '.join(map(str, missing))}" if described.texts else "the figures"
            warning = f"{described.reason.rstrip('.')}; {which} went through {reader} instead"
        return FigureNotes(
            ", ".join(ways),
            described.model if described.texts else "",
            warning,
            tuple(described.steps[each.place] for each in pictures if each.place in described.steps),
        )

    def _nobody_reads(self, image: Reference, described: Described, backend: Backend) -> ApiError:
        if described.model and described.reason:
            # OpenAI's clients would ask again at once, and wait as long again.
            return ApiError(
                503,
                f"{backend.model} cannot see images, and the one that describes them did not: "
                f"{described.reason.rstrip('.')}. To have the text of figures read in such a case: "
                "pip install 'kanoa-mlops[figures]' and start the server again.",
                code="figure_not_described",
                param=image.param,
                headers={"x-should-retry": "false"},
            )
        seeing = ", ".join(each.model for each in self.backends.models() if each.sees) or "none"
        return ApiError(
            400,
            f"{backend.model} cannot see images, and nothing is installed here to read their text. "
            f"Served models that see: {seeing}. To have the text of figures read: "
            "pip install 'kanoa-mlops[figures]' and start the server again.",
            code="images_not_supported",
            param=image.param,
        )


def parse_wish(header: str) -> Wish:
    """What the request's `x-kanoa-figure` asks for.

    Raises:
        ApiError: 400 for another word.
    """
    if header in _WISHES:
        return _WISHES[header]
    raise ApiError(
        400,
        "The header x-kanoa-figure must be 'describe' or 'read'.",
        code="invalid_value",
        param="x-kanoa-figure",
    )


def numbered(pictures: Sequence[Picture], texts: Mapping[Place, str]) -> dict[Place, str]:
    """The texts by place; of several, each says which figure of the request it stands for."""
    if len(pictures) == 1:
        return dict(texts)
    return {each.place: f"Figure {number}\n{texts[each.place]}" for number, each in enumerate(pictures, 1)}


def _remote(reference: Reference) -> ApiError:
    return ApiError(
        400,
        "Addresses are never fetched on a request's behalf. Send the content itself, for example "
        "data:image/png;base64,...",
        code="remote_content_refused",
        param=reference.param,
    )
