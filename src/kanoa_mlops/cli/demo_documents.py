"""Three small documents about physics, one of which explains the demo's figure. Made here, read like any."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

_PAGES = (
    (
        "Laboratory course: throwing a ball",
        "A ball is thrown straight up at 20 m/s and filmed at 20 frames a second. Wear goggles. Calibrate "
        "the camera with the metre rule before each run, and write down the temperature of the room.",
    ),
    (
        "Projectile height over time",
        "The height of the ball is h(t) = v0 t - 0.5 g t^2. With v0 = 20 m/s and g = 9.81 m/s^2 it reaches "
        "its highest point, 20.4 m, after 2.04 s, and is back on the ground after 4.08 s. A curve of height "
        "over time that only rises was computed without squaring the time: a common mistake in simulations.",
    ),
    (
        "Drag",
        "A table tennis ball is slowed by the air so much that it reaches barely half of the height above. "
        "Repeat the measurement with a golf ball and compare.",
    ),
)
_PENDULUM = """\
# The pendulum

The period of a pendulum of length L is T = 2 pi sqrt(L/g). A pendulum of 1 m takes 2.01 s, whatever its mass.

## Uncertainty

Time ten periods and divide; reaction time then adds less than 0.03 s.
"""
_SPRINGS = """\
spring,constant_N_per_m,longest_extension_m
soft,12.5,0.40
medium,31.0,0.25
stiff,84.2,0.10
"""


def write_documents(folder: Path) -> None:
    """Written again only where they are not there, so that a second demo reads nothing again."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"pendulum.md": _PENDULUM, "springs.csv": _SPRINGS}
    for name, text in texts.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")
    handout = folder / "throwing-a-ball.pdf"
    if not handout.exists():
        _write_pdf(handout)


def _write_pdf(path: Path) -> None:
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    matplotlib.use("Agg")
    unfinished = path.with_suffix(".part")
    # Letters as letters, not as shapes: the text is to be read out of it.
    with matplotlib.rc_context({"pdf.fonttype": 42}), PdfPages(unfinished) as pages:
        for title, text in _PAGES:
            pages.savefig(_page(title, text))
    unfinished.replace(path)


def _page(title: str, text: str) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.27, 11.69))  # A4, in inches
    figure.text(0.1, 0.92, title, fontsize=18)
    figure.text(0.1, 0.88, textwrap.fill(text, 74), fontsize=11, va="top", linespacing=1.5)
    return figure
