"""What each line of text says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kanoa_mlops.gateway.layout import Fragment
from kanoa_mlops.gateway.ocr.box import Line
from kanoa_mlops.gateway.ocr.mending import find_marks, mend

if TYPE_CHECKING:
    from kanoa_mlops.gateway.ocr.pixels import Pixels


_SURE = 0.6  # confidence below which a reading is dropped
_CERTAIN = 0.85  # the same where it is doubtful that there is text at all
_ASIAN = str.maketrans("（）：，％−", "():,%-")  # noqa: RUF001  the model's first language is Chinese
_ROUND = "0oO。〇○"  # noqa: RUF001


def recognise(engine: Any, pixels: Pixels, lines: Sequence[Line], letter: float) -> list[Fragment]:
    crops = [_crop(engine, pixels, line, turns=-1) for line in lines]
    readings = read_crops(engine, crops, letter)
    # Almost all turned labels are read from below; the few others are tried from above.
    doubtful = [i for i, line in enumerate(lines) if line.turned and readings[i].confidence < 0.8]
    others = read_crops(engine, [_crop(engine, pixels, lines[i], turns=1) for i in doubtful], letter)
    for i, other in zip(doubtful, others, strict=True):
        readings[i] = max(readings[i], other, key=lambda each: each.confidence)
    return [
        Fragment(
            text=reading.text,
            left=float(line.box.left),
            top=float(line.box.top),
            right=float(line.box.right),
            bottom=float(line.box.bottom),
            confidence=reading.confidence,
        )
        for line, reading in zip(lines, readings, strict=True)
        if reading.text and reading.confidence >= (_CERTAIN if line.doubtful else _SURE)
    ]


def _crop(engine: Any, pixels: Pixels, line: Line, *, turns: int) -> Pixels:
    """The line, level, with a margin; `turns` are quarters, against the clock."""
    import numpy as np

    if line.quad is not None:
        return np.asarray(engine.get_crop_img_list(pixels, [line.quad])[0], dtype=np.uint8)
    margin = max(2, round(0.25 * min(line.box.width, line.box.height)))
    box = line.box.grown(margin)
    part = pixels[max(0, box.top) : box.bottom, max(0, box.left) : box.right]
    return np.ascontiguousarray(np.rot90(part, turns) if line.turned else part)


@dataclass(frozen=True)
class _Reading:
    text: str
    confidence: float


def read_crops(engine: Any, crops: Sequence[Pixels], letter: float) -> list[_Reading]:
    if not crops:
        return []
    results, _ = engine.text_rec(list(crops), True)
    return [
        _reading(result[0], result[1], result[2], crop, letter)
        for result, crop in zip(results, crops, strict=True)
    ]


def _reading(text: str, confidence: float, places: Sequence[Any], crop: Pixels, letter: float) -> _Reading:
    if not text.strip():
        return _Reading("", 0.0)
    steps, _, columns = places[:3]
    centres = [(column + 0.5) / steps * crop.shape[1] for word in columns for column in word]
    marks = find_marks(crop)
    if text in _ROUND and len(marks) == 1 and 0.85 * letter < marks[0].height < 1.5 * letter:
        return _Reading("0", max(confidence, _SURE))  # alone, as tall as a capital, and most often a tick
    mended = mend(text, centres, marks).translate(_ASIAN)
    mended = re.sub(r"^[lI](?=e[-+]?\d+$)", "1", mended)  # '1e6' at the end of an axis
    return _Reading(re.sub("°?℃", "°C", mended), confidence)
