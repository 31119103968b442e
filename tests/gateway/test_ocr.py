"""Real OCR on real matplotlib figures."""

from __future__ import annotations

import asyncio
import io
import resource
import struct
import zlib
from collections.abc import AsyncIterator

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import pytest_asyncio
from matplotlib.figure import Figure
from PIL import Image

from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.gateway.figures import UnreadableImage
from kanoa_mlops.gateway.layout import BLANK, SEEN
from kanoa_mlops.gateway.ocr import OcrReader, ocr_available


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[OcrReader]:
    made = OcrReader(max_bytes=2**20, max_pixels=10_000_000)
    yield made
    made.close()


def png(figure: Figure, dpi: int = 100) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", dpi=dpi)
    plt.close(figure)
    return file.getvalue()


def test_the_extra_is_there() -> None:
    assert ocr_available() == ""


async def test_the_demos_figure_is_read_whole(reader: OcrReader) -> None:
    text = await reader.read(png(draw_projectile()))
    first, title, x, y, legend = text.splitlines()
    assert first == SEEN
    assert title == "title: Projectile height over time"
    assert x == "x axis: Time (s), from 0.0 to 4.0, in steps of 0.5"
    assert y == "y axis: Height (m), from 0 to 60, in steps of 10"
    assert legend.endswith(": v0 = 20 m/s")


async def test_dark_small_figures_are_read(reader: OcrReader) -> None:
    with plt.style.context("dark_background"):
        figure, axes = plt.subplots()
        axes.plot([0, 1, 2], [3, 2, 1])
        axes.set(title="Dark matters", xlabel="Step", ylabel="Score")
        text = await reader.read(png(figure, dpi=72))
    assert "title: Dark matters\nx axis: Step, from 0.00 to 2.00" in text
    assert "y axis: Score, from 1.00 to 3.00" in text


async def test_panels_are_told_apart(reader: OcrReader) -> None:
    figure, panels = plt.subplots(2, 2, figsize=(9, 7))
    for axes, name in zip(panels.flat, ["North", "South", "East", "West"], strict=True):
        axes.plot([0, 1, 2], [0, 1, 4])
        axes.set_title(name)
    figure.suptitle("Four stations")
    figure.tight_layout()
    text = await reader.read(png(figure))
    assert text.startswith(f"{SEEN}\ntitle: Four stations\npanel 1 (upper left):\ntitle: North\n")
    assert text.count("y axis: from 0.0 to 4.0, in steps of 0.5") == 4
    assert "panel 4 (lower right):\ntitle: West" in text


async def test_bars_have_categories(reader: OcrReader) -> None:
    figure, axes = plt.subplots()
    axes.bar(["Oslo", "Rome", "Cairo"], [760, 800, 25])
    axes.set_title("Yearly rain")
    assert "x axis: categories Oslo, Rome, Cairo" in await reader.read(png(figure))


async def test_slanted_categories_are_read(reader: OcrReader) -> None:
    figure, axes = plt.subplots()
    axes.bar(["Station A", "Station B", "Station C"], [3, 5, 2])
    plt.setp(axes.get_xticklabels(), rotation=45, ha="right")
    assert "x axis: categories Station A, Station B, Station C" in await reader.read(png(figure))


async def test_tick_marks_without_a_frame_are_no_minus(reader: OcrReader) -> None:
    with plt.style.context("ggplot"):
        figure, axes = plt.subplots()
        axes.plot([0, 1, 2], [-1, 0, 1])
        axes.set(title="Another style", ylabel="Signal (mV)")
        text = await reader.read(png(figure))
    assert "title: Another style" in text
    assert "y axis: Signal (mV), from -1.00 to 1.00, in steps of 0.25" in text


async def test_powers_of_two(reader: OcrReader) -> None:
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3, 4], [1, 2, 4, 8])
    axes.set_yscale("log", base=2)
    assert "y axis: log scale from 2^0 to 2^3, ticks 2^0, 2^1, 2^2, 2^3" in await reader.read(png(figure))


async def test_what_has_no_text_is_said_so(reader: OcrReader) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(file, "PNG")
    assert await reader.read(file.getvalue()) == BLANK


async def test_a_photograph_does_no_harm(reader: OcrReader) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    assert await reader.read(file.getvalue())


@pytest.mark.parametrize("size", [(2000, 2), (2, 2000), (1, 1), (40_000, 1)])
async def test_strips_and_dots_cost_no_memory(reader: OcrReader, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "PNG")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await reader.read(file.getvalue()) == BLANK
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 1024**2  # KiB


async def test_grey_of_sixteen_bits_and_paper_that_is_transparent(reader: OcrReader) -> None:
    plain = Image.open(io.BytesIO(png(draw_projectile())))
    grey = Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) * 257)
    pixels = np.array(plain.convert("RGBA"))
    pixels[(pixels[..., :3] == 255).all(axis=2)] = 0
    for picture in (grey, Image.fromarray(pixels)):
        file = io.BytesIO()
        picture.save(file, "PNG")
        assert "title: Projectile height over time\n" in await reader.read(file.getvalue())


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that decodes to side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (b"hello", "This is not a PNG, JPEG, GIF, WebP or BMP image."),
        (b"", "This is not a PNG"),
        (png(draw_projectile())[:4000], "The image is damaged or incomplete."),
        (bomb(30_000), "at most 10 megapixels are allowed"),
        (b"x" * (2**20 + 1), "at most 1.0 MiB are allowed"),
    ],
    ids=["text", "nothing", "truncated", "bomb", "large"],
)
async def test_what_cannot_be_read_is_refused_in_words(
    reader: OcrReader, image: bytes, complaint: str
) -> None:
    with pytest.raises(UnreadableImage, match=complaint):
        await reader.read(image)


async def test_one_image_is_read_once_and_who_leaves_spoils_nothing(reader: OcrReader) -> None:
    image = png(draw_projectile())
    leaving = asyncio.create_task(reader.read(image))
    staying = asyncio.create_task(reader.read(image))
    await asyncio.sleep(0)
    leaving.cancel()
    text = await staying
    assert leaving.cancelled()
    # The very object, hence not read again.
    assert await reader.read(image) is text


async def test_a_failure_is_not_remembered(reader: OcrReader) -> None:
    for _ in range(2):
        with pytest.raises(UnreadableImage):
            await reader.read(b"hello")
