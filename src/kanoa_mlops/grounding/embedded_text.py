"""What a chunk's vector is made of: its text under its headings, wherever in its file it stands."""

from __future__ import annotations

import re
from typing import Literal

Noun = Literal["cell", "line", "row"]
"""What places in files are counted in."""
_PLACE = re.compile(r"(?:^| > )(?:cell|line|row)s? \d+(?:-\d+)?\Z")


def embedded_text(heading: str, text: str) -> str:
    """A passage says more under its headings; the cell or line that ends them says nothing, and is another
    one as soon as something is inserted before.
    """
    heading = _PLACE.sub("", heading)
    return f"{heading}\n{text}" if heading else text
