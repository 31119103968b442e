"""From the bytes of an image to pixels."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from kanoa_mlops.gateway.figures import UnreadableImage

if TYPE_CHECKING:
    from kanoa_mlops.gateway.ocr.pixels import Pixels


FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def decode(image: bytes, max_pixels: int) -> Pixels:
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
        if picture.mode.startswith("I;16"):  # Pillow would cut these to white instead of scaling them
            picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
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


def resized(pixels: Pixels, scale: float) -> Pixels:
    import cv2
    import numpy as np

    if scale == 1:
        return pixels
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), dtype=np.uint8)
