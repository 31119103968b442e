"""Names for arrays of pixels. numpy comes with the `figures` extra, so it is named here, not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]  # (height, width, 3), blue first as the engine wants it
    Mask: TypeAlias = NDArray[np.bool_]  # (height, width), true where there is ink
    Quads: TypeAlias = NDArray[np.float32]  # (texts, 4 corners, x and y)
