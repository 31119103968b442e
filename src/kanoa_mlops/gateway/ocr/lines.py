"""Where text stands. The engine's detector was trained on photographs: of a plot it misses lone digits and
minus signs and cuts rotated labels into pieces. A plot's text is clean ink on an even ground, so the
ink itself is looked at too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kanoa_mlops.gateway.ocr.box import Box, Line, around, within
from kanoa_mlops.gateway.ocr.glyphs import join_glyphs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kanoa_mlops.gateway.ocr.pixels import Mask, Pixels, Quads


_CONTRAST = 60  # of 255; a curve and a letter stand out by more, the noise of a JPEG by less
_PALE = 40  # of 255; the frame of a legend
_GROUND = 31  # pixels, odd; wider than twice a stroke of the largest letters
_MOST_GLYPHS = 3000  # more specks than this are a photograph, not a text
_MOST_DOUBTFUL = 60  # ink that the detector did not see; more is a photograph, or a drawing


def letter_height(quads: Quads) -> float:
    """Of a capital, in pixels. The detector's boxes are drawn with a margin."""
    import numpy as np

    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2)  # (texts, 4)
    return float(np.median(sides.min(axis=1))) * 0.6


def find_lines(pixels: Pixels, quads: Quads) -> tuple[list[Line], list[Box]]:
    """Lines of text, and frames drawn around axes."""
    letter = letter_height(quads)
    slanted = [quad for quad in quads if _is_slanted(quad)]
    seen = [around(quad) for quad in quads if not _is_slanted(quad)]
    strength = _strength(pixels)
    mask = strength > _CONTRAST
    specks, frames = _specks(mask, letter), _frames(strength > _PALE, letter)
    glyphs = [
        each
        for each in specks
        if not any(around(quad).holds(each) for quad in slanted)
        and (not within(each, frames) or any(box.grown(letter / 2).holds(each) for box in seen))
    ]
    written = join_glyphs(glyphs, seen, mask.shape, letter) if len(glyphs) <= _MOST_GLYPHS else []
    lines = [each for each in written if _is_text(each.box, seen, frames, letter)]
    if not frames:
        others = [each for each in written if each not in lines and _is_wordlike(each, letter)]
        lines += [replace(each, doubtful=True) for each in others if len(others) <= _MOST_DOUBTFUL]
    for box in seen:
        parts = [line for line in lines if box.shared(line.box) > 0.6 * line.box.area]
        if _is_broken(box, parts, letter):
            lines = [line for line in lines if line not in parts]
        if sum(box.shared(line.box) for line in lines) < 0.2 * box.area:
            lines.append(Line(box, turned=box.height > max(1.5 * box.width, 2.5 * letter)))
    return lines + [Line(around(quad), quad=quad) for quad in slanted], frames


def _is_slanted(quad: Any) -> bool:
    """Of words only: around a lone letter the detector draws its box as it likes."""
    sides = [(quad[0], quad[1]), (quad[1], quad[2])]
    short, long = sorted(sides, key=lambda side: math.dist(*side))
    if math.dist(*long) < 2 * math.dist(*short):
        return False
    (x0, y0), (x1, y1) = long
    angle = math.degrees(math.atan2(abs(y1 - y0), abs(x1 - x0)))
    return 12 < angle < 78


def _strength(pixels: Pixels) -> NDArray[np.uint8]:
    """How much stands out from the ground around it. Lines and letters are thin: the median is the ground."""
    import cv2
    import numpy as np

    ground = cv2.medianBlur(pixels, _GROUND)
    return np.asarray(cv2.absdiff(pixels, ground).max(axis=2), dtype=np.uint8)


def _specks(mask: Mask, letter: float) -> list[Box]:
    """Connected ink that has the size of letters."""
    return [box for box in _connected(mask) if max(box.width, box.height) <= 5 * letter]


def _frames(mask: Mask, letter: float) -> list[Box]:
    """Larger connected ink that frames something."""
    large = (box for box in _connected(mask) if max(box.width, box.height) > 5 * letter)
    framing = (_frame_in(mask, box) for box in large if min(box.width, box.height) > letter)
    return [frame for frame in framing if frame]


def _connected(mask: Mask) -> list[Box]:
    import cv2
    import numpy as np

    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return [Box(left, top, left + wide, top + high) for left, top, wide, high, _ in stats[1:].tolist()]


def _frame_in(mask: Mask, box: Box) -> Box | None:
    """The box without its tick marks, if long straight lines bound it on the left and below."""
    import numpy as np

    part = mask[box.top : box.bottom, box.left : box.right]
    rows = np.flatnonzero(part.mean(axis=1) > 0.7)
    columns = np.flatnonzero(part.mean(axis=0) > 0.7)
    if not len(rows) or not len(columns) or rows[-1] < 0.8 * box.height or columns[0] > 0.2 * box.width:
        return None
    top = rows[0] if rows[0] < 0.2 * box.height else 0
    right = columns[-1] if columns[-1] > 0.8 * box.width else box.width
    return Box(
        box.left + int(columns[0]), box.top + int(top), box.left + int(right), box.top + int(rows[-1]) + 1
    )


def _is_text(box: Box, seen: Sequence[Box], frames: Sequence[Box], letter: float) -> bool:
    """Outside the frames all ink is text; inside, and without frames, the detector has to agree."""
    if any(box.shared(each) > 0.3 * min(box.area, each.area) for each in seen):
        return True
    if frames:
        return not within(box, frames)
    near = letter / 3
    return box.height < 2 * letter and any(
        abs(box.top + box.bottom - each.top - each.bottom) < 2 * near or abs(box.right - each.right) < near
        for each in seen
    )


def _is_broken(box: Box, parts: Sequence[Line], letter: float) -> bool:
    """Whether of a level line seen only some letters were cut out, as where it touches a bar."""
    level = box.width > 1.5 * box.height and all(part.box.width < letter for part in parts)
    return level and bool(parts) and sum(part.box.width for part in parts) < 0.6 * box.width


def _is_wordlike(line: Line, letter: float) -> bool:
    """Of the height of the text around it, and longer than high."""
    thick, long = sorted([line.box.width, line.box.height])
    return 0.6 * letter < thick < 1.8 * letter and long > 1.5 * thick
