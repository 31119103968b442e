"""The text of a request's figures, to search by: read, else described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.describe import Describer
from kanoa_mlops.gateway.figures import FigureReader, UnreadableImage
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.images import Picture
from kanoa_mlops.gateway.usage import Step
from kanoa_mlops.grounding.asking.figure_text import figure_words, is_telling

_DESCRIBED = "described"


@dataclass(frozen=True)
class Read:
    texts: tuple[str, ...]
    way: str = ""
    """As in `Grounds.figure`."""
    steps: tuple[Step, ...] = ()
    warning: str = ""


@dataclass(frozen=True)
class FigureTexts:
    reader: FigureReader | None
    describer: Describer
    """Both remember what they did by the image's bytes."""

    async def of(self, pictures: Sequence[Picture], request_id: str, guest: Guest) -> Read:
        """What cannot be read is left to whoever hands the figures to the model."""
        texts, warning = [], ""
        for picture in pictures:
            try:
                texts.append(await self.reader.read(picture.data) if self.reader else "")
            except UnreadableImage:
                texts.append("")
            except KanoaError as error:
                texts.append("")
                warning = error.message
        read = Read(tuple(text for text in texts if text), self._way(texts), warning=warning)
        if not pictures or is_telling(" ".join(figure_words(text) for text in texts)):
            return read
        described = await self.describer.describe(pictures, request_id, guest)
        if not described.texts:
            return read
        more = tuple(described.texts[each.place] for each in pictures if each.place in described.texts)
        way = ", ".join(each for each in (read.way, _DESCRIBED) if each)
        return Read((*read.texts, *more), way, tuple(described.steps.values()), warning)

    def _way(self, texts: Sequence[str]) -> str:
        return self.reader.name if self.reader and any(texts) else ""
