"""Messages between a process that reads and the one that asked: a JSON head and some bytes.

JSON, and no pickle: who reads a hostile file is not to be believed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import orjson

SIZES = struct.Struct(">II")


def packed(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    written = orjson.dumps(head)
    return SIZES.pack(len(written), len(body)) + written + body


def unpacked(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """By `read`, which gives as many bytes as it is asked for."""
    head, body = SIZES.unpack(read(SIZES.size))
    return orjson.loads(read(head)), read(body)
