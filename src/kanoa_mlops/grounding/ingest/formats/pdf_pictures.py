"""Pages of a PDF as pictures, for who reads pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from io import BytesIO

from kanoa_mlops.errors import MissingExtra
from kanoa_mlops.grounding.ingest.formats.pdf_page import document, pages

_PIXELS = 16_000_000  # a page of a poster is rendered coarser
_POINTS = 72.0  # an inch
_SHAPES = 40  # of a plot that is drawn by lines; a table has fewer


def rendered(data: bytes, numbers: Sequence[int], dots: int) -> Iterator[tuple[int, bytes]]:
    """Each page as PNG, `dots` an inch.

    Raises:
        UnreadableDocument: encrypted or damaged.
        MissingExtra: without Pillow.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "Pictures of pages need Pillow.", hint="pip install 'kanoa-mlops[figures]'"
        ) from None
    with document(data) as opened:
        for number in numbers:
            if not 1 <= number <= len(opened):
                continue
            with closing(opened[number - 1]) as page:
                width, height = page.get_size()
                scale = dots / _POINTS
                scale *= min(1.0, (_PIXELS / max(1.0, width * height * scale * scale)) ** 0.5)
                image = page.render(scale=scale).to_pil()
            png = BytesIO()
            image.save(png, "PNG")
            yield number, png.getvalue()


def figure_pages(data: bytes) -> list[int]:
    """Pages with a picture or a drawing on them."""
    return [page.number for page in pages(data) if page.pictures or page.strokes >= _SHAPES]
