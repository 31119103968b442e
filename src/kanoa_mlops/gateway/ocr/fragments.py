"""From pixels to texts with their places, by the OCR engine."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kanoa_mlops.errors import Failure
from kanoa_mlops.gateway.layout import Fragment, Frame
from kanoa_mlops.gateway.ocr.available import import_failure
from kanoa_mlops.gateway.ocr.box import Box
from kanoa_mlops.gateway.ocr.image import resized
from kanoa_mlops.gateway.ocr.lines import find_lines, letter_height
from kanoa_mlops.gateway.ocr.words import recognise

if TYPE_CHECKING:
    from kanoa_mlops.gateway.ocr.pixels import Pixels, Quads


_LOGGERS = ("RapidOCR", "OrtInferSession")
_LARGEST_SIDE = 3000  # pixels; beyond this a reading takes many seconds and finds nothing more
_DETECTED_SIDE = 2000  # pixels; finding text needs less detail than reading it, and memory grows with it
_LONGEST = 4  # times as long as wide, for the detector
_LETTER_HEIGHT = (9.0, 28.0)  # pixels of a capital between which lines are told apart and read well


def read_fragments(engine: Any, pixels: Pixels) -> tuple[list[Fragment], list[Frame]]:
    """The texts, and the boxes drawn around axes, in pixels of the image given."""
    scale = min(1.0, _LARGEST_SIDE / max(pixels.shape[:2]))
    pixels = resized(pixels, scale)
    quads = _detected(engine, pixels)
    if not len(quads):
        return [], []
    zoom = _zoom(quads, pixels)
    pixels, quads = resized(pixels, zoom), quads * zoom
    lines, frames = find_lines(pixels, quads)
    fragments = recognise(engine, pixels, lines, letter_height(quads))
    back = 1 / (scale * zoom)
    return [_scaled(each, back) for each in fragments], [_frame(each, back) for each in frames]


def load_engine(threads: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the engine imports; nothing its user could change
        try:
            from rapidocr_onnxruntime import RapidOCR
        except ImportError as error:
            raise Failure(f"Figures are not read: {import_failure(str(error))}.") from error

        engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return engine


def _detected(engine: Any, pixels: Pixels) -> Quads:
    import numpy as np

    scale = min(1.0, _DETECTED_SIDE / max(pixels.shape[:2]))
    quads, _ = engine.text_det(_padded(resized(pixels, scale)))
    if quads is None or not len(quads):
        return np.zeros((0, 4, 2), dtype=np.float32)
    height, width = pixels.shape[:2]
    corner = np.array([width - 1, height - 1], dtype=np.float32)
    quads = np.clip(np.asarray(quads, dtype=np.float32) / np.float32(scale), np.float32(0), corner)
    # What the padding repeats of the edge is flat now.
    return np.asarray(quads[(np.ptp(quads, axis=1) > 3).all(axis=1)], dtype=np.float32)


def _padded(pixels: Pixels) -> Pixels:
    """No longer than it is wide by much, grown on the right and below: the detector enlarges the short side
    to a fixed size, and the memory of a thin strip would follow its long one.
    """
    import cv2
    import numpy as np

    height, width = pixels.shape[:2]
    least = -(-max(height, width) // _LONGEST)
    below, right = max(0, least - height), max(0, least - width)
    padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, dtype=np.uint8)


def _zoom(quads: Quads, pixels: Pixels) -> float:
    """By how much to enlarge so that letters have a height that is read well."""
    height = letter_height(quads)
    low, high = _LETTER_HEIGHT
    if height > high:
        return high / height
    return min(2.0, _LARGEST_SIDE / max(pixels.shape[:2])) if height < low else 1.0


def _scaled(fragment: Fragment, by: float) -> Fragment:
    return replace(
        fragment,
        left=fragment.left * by,
        top=fragment.top * by,
        right=fragment.right * by,
        bottom=fragment.bottom * by,
    )


def _frame(box: Box, by: float) -> Frame:
    return Frame(box.left * by, box.top * by, box.right * by, box.bottom * by)
