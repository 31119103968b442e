"""Reads the text of a figure by OCR, off the event loop, with the engine of the `figures` extra.

The engine's detector was trained on photographs: of a plot it misses lone digits and minus signs and cuts
rotated labels into pieces. A plot's text is clean ink on an even ground, so the ink itself is looked at too.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import importlib
import importlib.util
import io
import logging
import math
import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from kanoa_mlops.gateway.figures import UnreadableImage
from kanoa_mlops.gateway.layout import Fragment, Frame, arrange, describe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]  # (height, width, 3), blue first as the engine wants it
    Mask: TypeAlias = NDArray[np.bool_]  # (height, width), true where there is ink
    Quads: TypeAlias = NDArray[np.float32]  # (texts, 4 corners, x and y)

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_PACKAGES = {"rapidocr_onnxruntime": "rapidocr-onnxruntime", "PIL": "pillow"}
_LOGGERS = ("RapidOCR", "OrtInferSession")
_SYSTEM_LIBRARIES = {"libGL.so": "libgl1", "libgthread-2.0": "libglib2.0-0", "libglib-2.0": "libglib2.0-0"}
_LARGEST_SIDE = 3000  # pixels; beyond this a reading takes many seconds and finds nothing more
_LETTER_HEIGHT = (9.0, 28.0)  # pixels of a capital between which lines are told apart and read well
_CONTRAST = 60  # of 255; a curve and a letter stand out by more, the noise of a JPEG by less
_GROUND = 31  # pixels, odd; wider than twice a stroke of the largest letters
_MOST_GLYPHS = 3000  # more specks than this are a photograph, not a text
_MOST_DOUBTFUL = 60  # ink that the detector did not see; more is a photograph, or a drawing
_SURE = 0.6  # confidence below which a reading is dropped
_CERTAIN = 0.85  # the same where it is doubtful that there is text at all
_SPACE = (0.2, 0.34)  # of the type size: letters stand closer than this, words wider
_ASIAN = str.maketrans("（）：，％−", "():,%-")  # noqa: RUF001  the model's first language is Chinese
_ROUND = "0oO。〇○"  # noqa: RUF001
_POWER = re.compile(r"-?(\d(\.\d+)?[x\u00d7])?10-?\d+")
_LOW = "acemnorsuvwxzgpqy.,:;-_~"  # letters no higher than an x
_DEEP = "gjpqy,;()[]{}|_Q@$"  # letters that go below the line


class OcrReader:
    """A `FigureReader` that needs no model that sees: it reads text and says where it stands."""

    name = "ocr"

    def __init__(
        self,
        *,
        max_bytes: int = 20 * 1024**2,
        max_pixels: int = 40_000_000,
        remembered: int = 64,
        threads: int = 0,
    ) -> None:
        """`remembered` images are not read twice; `threads` 0 leaves half of the cores to the engine."""
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._remembered = remembered
        self._threads = threads or max(1, (os.cpu_count() or 2) // 2)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ocr")
        self._readings: OrderedDict[str, asyncio.Future[str]] = OrderedDict()
        self._engine: Any = None

    async def read(self, image: bytes) -> str:
        """The figure's text and where it stands, see `layout.describe`.

        Raises:
            UnreadableImage: not an image, or larger than allowed.
        """
        if len(image) > self._max_bytes:
            raise UnreadableImage(
                f"The image has {_mib(len(image))}; at most {_mib(self._max_bytes)} are allowed."
            )
        key = hashlib.sha256(image).hexdigest()
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.get_running_loop().run_in_executor(self._worker, self._read, image)
            self._remember(key, reading)
        else:
            self._readings.move_to_end(key)
        # The reading is shared: whoever waits may leave without ending it for the others.
        return await asyncio.shield(reading)

    def close(self) -> None:
        """Drops what is waiting; a reading under way ends by itself."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _remember(self, key: str, reading: asyncio.Future[str]) -> None:
        self._readings[key] = reading
        reading.add_done_callback(lambda done: self._forget_failure(key, done))
        while len(self._readings) > self._remembered:
            self._readings.popitem(last=False)

    def _forget_failure(self, key: str, done: asyncio.Future[str]) -> None:
        # Asking for the exception also tells asyncio that somebody saw it, should every reader have left.
        if (done.cancelled() or done.exception() is not None) and self._readings.get(key) is done:
            del self._readings[key]

    def _read(self, image: bytes) -> str:
        pixels = _decode(image, self._max_pixels)
        if self._engine is None:
            self._engine = _load_engine(self._threads)
        height, width = pixels.shape[:2]
        fragments, frames = read_fragments(self._engine, pixels)
        return describe(arrange(fragments, width, height, frames))


def ocr_available() -> str:
    """Empty when figures can be read here, otherwise the reason and the remedy. Imports the engine once."""
    for module, package in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            return f"the package {package} is missing: pip install 'kanoa-mlops[figures]'"
    try:
        for module in _PACKAGES:
            importlib.import_module(module)
    except ImportError as error:
        return _import_failure(str(error))
    return ""


def read_fragments(engine: Any, pixels: Pixels) -> tuple[list[Fragment], list[Frame]]:
    """The texts, and the boxes drawn around axes, in pixels of the image given."""
    scale = min(1.0, _LARGEST_SIDE / max(pixels.shape[:2]))
    pixels = _resized(pixels, scale)
    quads = _detected(engine, pixels)
    if not len(quads):
        return [], []
    zoom = _zoom(quads, pixels)
    pixels, quads = _resized(pixels, zoom), quads * zoom
    lines, frames = _lines(pixels, quads)
    fragments = _recognised(engine, pixels, lines, _letter_height(quads))
    back = 1 / (scale * zoom)
    return [_scaled(each, back) for each in fragments], [_frame(each, back) for each in frames]


# --- the image ---


def _decode(image: bytes, max_pixels: int) -> Pixels:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    allowed = f"at most {max_pixels / 1e6:g} megapixels are allowed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels decides
            picture: Image.Image = Image.open(io.BytesIO(image), formats=FORMATS)
        width, height = picture.size
        if width * height > max_pixels:
            raise UnreadableImage(f"The image is {width} x {height} pixels; {allowed}.")
        picture = picture.convert("RGBA")
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"The image has far too many pixels; {allowed}.") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage("This is not a PNG, JPEG, GIF, WebP or BMP image.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableImage("The image is damaged or incomplete.") from error
    paper = Image.new("RGBA", picture.size, "white")
    pixels = np.asarray(Image.alpha_composite(paper, picture).convert("RGB"))
    return np.ascontiguousarray(pixels[:, :, ::-1])


def _load_engine(threads: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the engine imports; nothing its user could change
        from rapidocr_onnxruntime import RapidOCR

        engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return engine


def _detected(engine: Any, pixels: Pixels) -> Quads:
    import numpy as np

    quads, _ = engine.text_det(pixels)
    if quads is None or not len(quads):
        return np.zeros((0, 4, 2), dtype=np.float32)
    return np.asarray(quads, dtype=np.float32)


def _zoom(quads: Quads, pixels: Pixels) -> float:
    """By how much to enlarge so that letters have a height that is read well."""
    height = _letter_height(quads)
    low, high = _LETTER_HEIGHT
    if height > high:
        return high / height
    return min(2.0, _LARGEST_SIDE / max(pixels.shape[:2])) if height < low else 1.0


def _letter_height(quads: Quads) -> float:
    """Of a capital, in pixels. The detector's boxes are drawn with a margin."""
    import numpy as np

    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2)  # (texts, 4)
    return float(np.median(sides.min(axis=1))) * 0.6


def _resized(pixels: Pixels, scale: float) -> Pixels:
    import cv2
    import numpy as np

    if scale == 1:
        return pixels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), dtype=np.uint8)


# --- where text stands ---


@dataclass(frozen=True)
class _Box:
    """A rectangle in pixels; right and bottom are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    def holds(self, other: _Box) -> bool:
        """Whether the other's centre lies within."""
        x, y = (other.left + other.right) / 2, (other.top + other.bottom) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def shared(self, other: _Box) -> int:
        """Area in both, in square pixels."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, wide) * max(0, high)

    def grown(self, by: float) -> _Box:
        x = y = round(by)
        return _Box(self.left - x, self.top - y, self.right + x, self.bottom + y)


@dataclass(frozen=True)
class _Line:
    """One line of text. `quad` is set where it stands aslant, `doubtful` where there may be no text."""

    box: _Box
    turned: bool = False
    quad: Any = None
    doubtful: bool = False


def _lines(pixels: Pixels, quads: Quads) -> tuple[list[_Line], list[_Box]]:
    """Lines of text, and frames drawn around axes."""
    letter = _letter_height(quads)
    slanted = [quad for quad in quads if _is_slanted(quad)]
    seen = [_around(quad) for quad in quads if not _is_slanted(quad)]
    mask = _ink(pixels)
    specks, frames = _specks(mask, letter)
    glyphs = [
        each
        for each in specks
        if not any(_around(quad).holds(each) for quad in slanted)
        and (not _within(each, frames) or any(box.grown(letter / 2).holds(each) for box in seen))
    ]
    written = _written(glyphs, seen, mask.shape, letter) if len(glyphs) <= _MOST_GLYPHS else []
    lines = [each for each in written if _is_text(each.box, seen, frames, letter)]
    if not frames:
        others = [each for each in written if each not in lines and _is_wordlike(each, letter)]
        lines += [replace(each, doubtful=True) for each in others if len(others) <= _MOST_DOUBTFUL]
    lines += [
        _Line(box, turned=box.height > max(1.5 * box.width, 2.5 * letter))
        for box in seen
        if sum(box.shared(line.box) for line in lines) < 0.2 * box.area
    ]
    return lines + [_Line(_around(quad), quad=quad) for quad in slanted], frames


def _is_slanted(quad: Any) -> bool:
    (x0, y0), (x1, y1) = quad[0], quad[1]
    if math.dist(quad[0], quad[1]) < math.dist(quad[1], quad[2]):
        (x0, y0), (x1, y1) = quad[1], quad[2]
    angle = math.degrees(math.atan2(abs(y1 - y0), abs(x1 - x0)))
    return 12 < angle < 78


def _around(quad: Any) -> _Box:
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    return _Box(int(left), int(top), int(right) + 1, int(bottom) + 1)


def _ink(pixels: Pixels) -> Mask:
    """What stands out from the ground around it. Lines and letters are thin, so the median is the ground."""
    import cv2
    import numpy as np

    ground = cv2.medianBlur(pixels, _GROUND)
    return np.asarray(cv2.absdiff(pixels, ground).max(axis=2) > _CONTRAST, dtype=np.bool_)


def _specks(mask: Mask, letter: float) -> tuple[list[_Box], list[_Box]]:
    """Connected ink, apart: what has the size of letters, and what frames something."""
    import cv2
    import numpy as np

    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    small: list[_Box] = []
    frames: list[_Box] = []
    for left, top, width, height, area in stats[1:].tolist():
        box = _Box(left, top, left + width, top + height)
        if max(width, height) <= 5 * letter:
            small.append(box)
        elif area > 1 and min(width, height) > letter and (frame := _frame_in(mask, box)):
            frames.append(frame)
    return small, frames


def _frame_in(mask: Mask, box: _Box) -> _Box | None:
    """The box without its tick marks, if long straight lines bound it on the left and below."""
    import numpy as np

    part = mask[box.top : box.bottom, box.left : box.right]
    rows = np.flatnonzero(part.mean(axis=1) > 0.7)
    columns = np.flatnonzero(part.mean(axis=0) > 0.7)
    if not len(rows) or not len(columns) or rows[-1] < 0.8 * box.height or columns[0] > 0.2 * box.width:
        return None
    top = rows[0] if rows[0] < 0.2 * box.height else 0
    right = columns[-1] if columns[-1] > 0.8 * box.width else box.width
    return _Box(
        box.left + int(columns[0]), box.top + int(top), box.left + int(right), box.top + int(rows[-1]) + 1
    )


def _within(box: _Box, frames: Sequence[_Box]) -> bool:
    return any(frame.holds(box) for frame in frames)


def _written(
    glyphs: Sequence[_Box], seen: Sequence[_Box], shape: tuple[int, ...], letter: float
) -> list[_Line]:
    """Glyphs joined to lines, level or turned."""
    turned = _turned(glyphs, seen, shape, letter)
    lines: list[_Line] = []
    for way in (False, True):
        ours = [glyph for i, glyph in enumerate(glyphs) if (i in turned) == way]
        groups = _groups(_companies(ours, shape, letter, turned=way))
        lines += [_Line(_union([ours[i] for i in group]), turned=way) for group in groups]
    return [line for line in lines if max(line.box.width, line.box.height) > letter / 2]


def _turned(glyphs: Sequence[_Box], seen: Sequence[_Box], shape: tuple[int, ...], letter: float) -> set[int]:
    """Glyphs of upright lines. Many have neighbours both ways: the wide lines the detector saw take theirs
    first, then the longest line.
    """
    heap: list[tuple[float, int, bool, list[int]]] = []
    for box in seen:
        inside = [i for i, glyph in enumerate(glyphs) if box.holds(glyph)]
        if box.width > 1.5 * box.height:
            heapq.heappush(heap, (-math.inf, len(heap), False, inside))
    for way in (False, True):
        for group in _groups(_companies(glyphs, shape, letter, turned=way)):
            heapq.heappush(heap, (-_length(glyphs, group, way), len(heap), way, group))
    turned: set[int] = set()
    taken: set[int] = set()
    while heap:
        _, order, way, group = heapq.heappop(heap)
        left = [i for i in group if i not in taken]
        if len(left) < len(group):
            if left:
                heapq.heappush(heap, (-_length(glyphs, left, way), order, way, left))
        elif not way or _is_column([glyphs[i] for i in group], letter):
            taken.update(group)
            turned.update(group if way else ())
    return turned


def _is_column(glyphs: Sequence[_Box], letter: float) -> bool:
    around = _union(glyphs)
    return len(glyphs) > 2 and around.height > max(2 * letter, 1.8 * around.width)


def _length(glyphs: Sequence[_Box], group: Sequence[int], turned: bool) -> int:
    around = _union([glyphs[i] for i in group])
    return around.height if turned else around.width


def _groups(companies: Sequence[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index, company in enumerate(companies):
        groups.setdefault(company, []).append(index)
    return list(groups.values())


def _companies(glyphs: Sequence[_Box], shape: tuple[int, ...], letter: float, *, turned: bool) -> list[int]:
    """For each glyph the number of the line it belongs to. A space is narrower than a letter is high."""
    import cv2
    import numpy as np

    canvas = np.zeros(shape, dtype=np.uint8)
    for glyph in glyphs:
        along = round(0.45 * max(letter, glyph.width if turned else glyph.height))
        across = round(0.08 * letter)
        x, y = (across, along) if turned else (along, across)
        cv2.rectangle(
            canvas, (glyph.left - x, glyph.top - y), (glyph.right - 1 + x, glyph.bottom - 1 + y), 255, -1
        )
    _, labels = cv2.connectedComponents(canvas, connectivity=4)
    return [int(labels[(each.top + each.bottom) // 2, (each.left + each.right) // 2]) for each in glyphs]


def _union(boxes: Sequence[_Box]) -> _Box:
    return _Box(
        min(each.left for each in boxes),
        min(each.top for each in boxes),
        max(each.right for each in boxes),
        max(each.bottom for each in boxes),
    )


def _is_text(box: _Box, seen: Sequence[_Box], frames: Sequence[_Box], letter: float) -> bool:
    """Outside the frames all ink is text; inside, and without frames, the detector has to agree."""
    if any(box.shared(each) > 0.3 * min(box.area, each.area) for each in seen):
        return True
    if frames:
        return not _within(box, frames)
    near = letter / 3
    return box.height < 2 * letter and any(
        abs(box.top + box.bottom - each.top - each.bottom) < 2 * near or abs(box.right - each.right) < near
        for each in seen
    )


def _is_wordlike(line: _Line, letter: float) -> bool:
    """Of the height of the text around it, and longer than high."""
    thick, long = sorted([line.box.width, line.box.height])
    return 0.6 * letter < thick < 1.8 * letter and long > 1.5 * thick


# --- what it says ---


def _recognised(engine: Any, pixels: Pixels, lines: Sequence[_Line], letter: float) -> list[Fragment]:
    crops = [_crop(engine, pixels, line, turns=-1) for line in lines]
    readings = _readings(engine, crops, letter)
    # Almost all turned labels are read from below; the few others are tried from above.
    doubtful = [i for i, line in enumerate(lines) if line.turned and readings[i].confidence < 0.8]
    others = _readings(engine, [_crop(engine, pixels, lines[i], turns=1) for i in doubtful], letter)
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


def _crop(engine: Any, pixels: Pixels, line: _Line, *, turns: int) -> Pixels:
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


def _readings(engine: Any, crops: Sequence[Pixels], letter: float) -> list[_Reading]:
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
    marks = _marks(crop)
    if text in _ROUND and len(marks) == 1 and 0.85 * letter < marks[0].height < 1.5 * letter:
        return _Reading("0", max(confidence, _SURE))  # alone, as tall as a capital, and most often a tick
    mended = _mended(text, centres, marks).translate(_ASIAN)
    return _Reading(re.sub("°?℃", "°C", mended), confidence)


def _mended(text: str, centres: Sequence[float], marks: Sequence[_Box]) -> str:
    """Spaces, a leading minus and a raised exponent, which the recogniser loses, from the ink's geometry."""
    letters = [(char, x) for char, x in zip(text, centres, strict=True) if char != " "]
    if not marks or not letters:
        return text.strip()
    if _starts_with_minus(marks) and letters[0][0] in "0123456789.":
        letters.insert(0, ("-", (marks[0].left + marks[0].right) / 2))
    plain = "".join(char for char, _ in letters)
    if len(marks) == len(letters) and _POWER.fullmatch(plain):
        return _with_exponent(plain, marks)
    if re.fullmatch(r"-?\d*[.,]?\d+%?", plain):
        return plain
    exact = len(marks) == len(letters)
    gaps = _wide_gaps(marks, _em(plain, marks))
    said = "" if exact else text
    return _spaced(letters, marks, gaps, exact=exact, said=said)


def _marks(crop: Pixels) -> list[_Box]:
    """The ink of a level line, cut where a column of pixels is empty: mostly one mark a letter."""
    import numpy as np

    edge = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    strength = np.abs(crop.astype(np.int16) - np.median(edge, axis=0)).max(axis=2)  # (height, width)
    ink = strength > max(30.0, 0.35 * float(strength.max()))
    filled = np.flatnonzero(np.diff(np.concatenate([[0], ink.any(axis=0), [0]]).astype(np.int8)))
    marks = []
    for left, right in zip(filled[::2].tolist(), filled[1::2].tolist(), strict=True):
        rows = np.flatnonzero(ink[:, left:right].any(axis=1))
        marks.append(_Box(left, int(rows[0]), right, int(rows[-1]) + 1))
    return marks


def _starts_with_minus(marks: Sequence[_Box]) -> bool:
    whole, first = _union(marks), marks[0]
    middle = (first.top + first.bottom) / 2 - whole.top
    return (
        len(marks) > 1
        and first.height <= 0.3 * whole.height
        and first.width >= 1.5 * first.height
        and 0.3 * whole.height < middle < 0.85 * whole.height
    )


def _with_exponent(text: str, marks: Sequence[_Box]) -> str:
    """`text` with '^' after its 10 when what follows stands above the line the 10 stands on."""
    base = text.index("10") + 2
    line, height = marks[base - 1].bottom, marks[base - 1].height
    raised = all(each.bottom < line - 0.2 * height for each in marks[base:])
    return f"{text[:base]}^{text[base:]}" if raised else text


def _em(text: str, marks: Sequence[_Box]) -> float:
    """The size of the type in pixels, from the height of the ink and of the letters it draws."""
    above = 0.76 if any(char not in _LOW for char in text) else 0.55
    below = 0.21 if any(char in _DEEP for char in text) else 0.0
    return _union(marks).height / (above + below)


def _wide_gaps(marks: Sequence[_Box], em: float) -> list[int]:
    """Which gaps (0: after the first mark) are spaces. The limit lies where the widths leave most room."""
    widths = [(after.left - before.right) / em for before, after in pairwise(marks)]
    low, high = _SPACE
    inner = sorted({low, high, *(width for width in widths if low < width < high)})
    limit = max(pairwise(inner), key=lambda pair: pair[1] - pair[0]) if len(inner) > 2 else (low, high)
    return [index for index, width in enumerate(widths) if width > sum(limit) / 2]


def _spaced(
    letters: Sequence[tuple[str, float]],
    marks: Sequence[_Box],
    gaps: Sequence[int],
    *,
    exact: bool,
    said: str,
) -> str:
    breaks = set()
    for gap in gaps:
        middle = (marks[gap].right + marks[gap + 1].left) / 2
        breaks.add(gap + 1 if exact else sum(x < middle for _, x in letters))
    count = 0
    for char in said.strip():
        if char == " ":
            breaks.add(count)
        else:
            count += 1
    return "".join((" " if i in breaks and i else "") + char for i, (char, _) in enumerate(letters))


# --- small things ---


def _scaled(fragment: Fragment, by: float) -> Fragment:
    return replace(
        fragment,
        left=fragment.left * by,
        top=fragment.top * by,
        right=fragment.right * by,
        bottom=fragment.bottom * by,
    )


def _frame(box: _Box, by: float) -> Frame:
    return Frame(box.left * by, box.top * by, box.right * by, box.bottom * by)


def _mib(count: int) -> str:
    return f"{count / 1024**2:.1f} MiB"


def _import_failure(words: str) -> str:
    """What to do about a library the engine could not load; opencv's wheel expects some of the system's."""
    for library, package in _SYSTEM_LIBRARIES.items():
        if library in words:
            return f"{words}: on Debian or Ubuntu, apt-get install libgl1 libglib2.0-0 (it lacks {package})"
    return f"the OCR engine does not load: {words}"
