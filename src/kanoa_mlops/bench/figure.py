"""A figure as notebooks draw them, made without a plotting library."""

from __future__ import annotations

import math
import random
import struct
import zlib

WIDTH, HEIGHT = 1280, 960
"""Pixels: the size that the planner's time to the first token is for."""
_MARGIN = 80
_WHITE, _GRID, _BLACK, _BLUE = b"\xff\xff\xff", b"\xdd\xdd\xdd", b"\x00\x00\x00", b"\x1f\x77\xb4"


def draw_figure(chance: random.Random) -> bytes:
    """A PNG with axes, a grid and a wave of its own."""
    rows = [bytearray(_WHITE * WIDTH) for _ in range(HEIGHT)]
    for step in range(11):
        _fill(rows, _MARGIN + step * (WIDTH - 2 * _MARGIN) // 10, _MARGIN, 1, HEIGHT - 2 * _MARGIN, _GRID)
        _fill(rows, _MARGIN, _MARGIN + step * (HEIGHT - 2 * _MARGIN) // 10, WIDTH - 2 * _MARGIN, 1, _GRID)
    _fill(rows, _MARGIN, _MARGIN, 3, HEIGHT - 2 * _MARGIN, _BLACK)
    _fill(rows, _MARGIN, HEIGHT - _MARGIN, WIDTH - 2 * _MARGIN, 3, _BLACK)
    waves, phase, height = chance.uniform(1, 6), chance.uniform(0, 6), chance.uniform(0.3, 0.9)
    for x in range(_MARGIN, WIDTH - _MARGIN):
        angle = phase + waves * 2 * math.pi * x / WIDTH
        y = HEIGHT / 2 - height * math.sin(angle) * (HEIGHT / 2 - _MARGIN)
        _fill(rows, x, round(y) - 3, 2, 6, _BLUE)
    return _png(rows)


def _fill(rows: list[bytearray], x: int, y: int, width: int, height: int, colour: bytes) -> None:
    for row in rows[y : y + height]:
        row[3 * x : 3 * (x + width)] = colour * width


def _png(rows: list[bytearray]) -> bytes:
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + row for row in rows), 6)
    parts = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, data) for name, data in parts)


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
