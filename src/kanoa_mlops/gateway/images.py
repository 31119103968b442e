"""The image parts of a chat request: where they stand, what they hold, and how text takes their place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError

Place = tuple[int, int]  # index of the message, index of the part in its content

_IMAGE_TYPES = ("image_url", "input_image")
_REFERENCES = ("image_url", "video_url", "audio_url")  # what an engine would fetch, whatever the part's type
_DATA_URI = re.compile(r"data:[^,]*;base64,", re.IGNORECASE)


def image_part(data: bytes, media_type: str) -> dict[str, Any]:
    """The part of a message that holds the image itself."""
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"},
    }


@dataclass(frozen=True)
class Reference:
    """Something a part points at."""

    place: Place
    kind: str
    """The key it stands under: 'image_url', 'video_url' or 'audio_url'."""
    url: str

    @property
    def param(self) -> str:
        message, part = self.place
        return f"messages[{message}].content[{part}].{self.kind}"

    @property
    def is_data(self) -> bool:
        return self.url[:5].lower() == "data:"


@dataclass(frozen=True)
class Picture:
    """An image that came as data, with its bytes."""

    reference: Reference
    data: bytes

    @property
    def place(self) -> Place:
        return self.reference.place

    @property
    def media_type(self) -> str:
        """As the client called it."""
        return re.split("[;,]", self.reference.url[5:], maxsplit=1)[0].lower() or "image/png"


def references(fields: Mapping[str, Any]) -> list[Reference]:
    """Every image, sound or film that the messages carry or point at.

    Raises:
        ApiError: 400 for an image part without a URL, or with one that is no string.
    """
    return [found for place, part in _parts(fields) for found in _references(place, part)]


def decode(image: Reference) -> bytes:
    """The bytes of a data URI.

    Raises:
        ApiError: 400 when it is not `data:...;base64,...`.
    """
    head = _DATA_URI.match(image.url)
    if head is None:
        raise _bad(
            "An image must be sent as data:image/png;base64,... with its bytes in base64.", image.param
        )
    try:
        return base64.b64decode("".join(image.url[head.end() :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"The image is not valid base64: {error}.", image.param) from error


def with_texts(fields: Mapping[str, Any], texts: Mapping[Place, str]) -> dict[str, Any]:
    """A copy of the request in which the parts at these places are text; the original stays as it is."""
    messages = [dict(message) for message in fields["messages"]]
    for (message, part), text in texts.items():
        content = list(messages[message]["content"])
        content[part] = {"type": "text", "text": text}
        messages[message]["content"] = content
    return {**fields, "messages": messages}


def _parts(fields: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    for at, message in enumerate(fields["messages"]):
        content = message.get("content")
        if isinstance(content, list):
            for index, part in enumerate(content):
                if isinstance(part, dict):
                    yield (at, index), part


def _references(place: Place, part: Mapping[str, Any]) -> Iterator[Reference]:
    kinds = [kind for kind in _REFERENCES if kind in part]
    if part.get("type") in _IMAGE_TYPES and "image_url" not in kinds:
        kinds.append("image_url")
    for kind in kinds:
        value = part.get(kind)
        url = value.get("url") if isinstance(value, dict) else value
        found = Reference(place, kind, url if isinstance(url, str) else "")
        if not found.url:
            raise _bad(f"'{kind}' must be a URL, or an object with one under 'url'.", found.param)
        yield found


def _bad(message: str, param: str) -> ApiError:
    return ApiError(400, message, code="invalid_image", param=param)
