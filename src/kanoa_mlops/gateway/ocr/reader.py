"""Reads the text of a figure by OCR, off the event loop, with the engine of the `figures` extra."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kanoa_mlops.gateway.figures import UnreadableImage
from kanoa_mlops.gateway.layout import arrange, describe
from kanoa_mlops.gateway.ocr.fragments import load_engine, read_fragments
from kanoa_mlops.gateway.ocr.image import decode


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
        pixels = decode(image, self._max_pixels)
        if self._engine is None:
            self._engine = load_engine(self._threads)
        height, width = pixels.shape[:2]
        fragments, frames = read_fragments(self._engine, pixels)
        return describe(arrange(fragments, width, height, frames))


def _mib(count: int) -> str:
    return f"{count / 1024**2:.1f} MiB"
