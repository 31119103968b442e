"""How many tokens a text has, without a tokenizer.

A word of up to six letters counts 1, each four letters more another one; a number 1 for three digits;
a sign 1; a letter of a script without spaces 1.
"""

from __future__ import annotations

import re

_PIECE = re.compile(r"[^\W\d_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\d+|\S")


def estimate(text: str) -> int:
    return sum(map(_of_piece, _PIECE.findall(text)))


def _of_piece(piece: str) -> int:
    length = len(piece)
    if length == 1:
        return 1
    if piece[0].isdigit():
        return -(-length // 3)
    return 1 if length <= 6 else 1 + -(-(length - 6) // 4)
