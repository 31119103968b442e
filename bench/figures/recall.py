"""How much of a figure's text OCR recovers exactly, spaces included, on matplotlib figures of many kinds.

What stands in each figure is taken from matplotlib's own objects. Prints a table; the last line is the whole.
"""

from __future__ import annotations

import argparse
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from kanoa_mlops.gateway.ocr.fragments import load_engine, read_fragments
from kanoa_mlops.gateway.ocr.image import decode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dpi", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1, help="of the OCR engine")
    parser.add_argument("--missed", action="store_true", help="list what was not recovered")
    options = parser.parse_args()
    engine = load_engine(options.threads)
    total = found = 0
    spent = 0.0
    print(f"{'figure':<16} {'strings':>7} {'exactly':>7} {'seconds':>7}")
    for draw in FIGURES:
        figure = draw()
        image, known = _image(figure, options.dpi), Counter(_texts(figure))
        plt.close(figure)
        began = time.perf_counter()
        read = Counter(each.text for each in read_fragments(engine, decode(image, 40_000_000))[0])
        seconds = time.perf_counter() - began
        recovered = (known & read).total()
        print(f"{draw.__name__:<16} {known.total():>7} {recovered:>7} {seconds:>7.2f}")
        if options.missed:
            print(f"    missed {sorted((known - read).elements())}, read {sorted((read - known).elements())}")
        total, found, spent = total + known.total(), found + recovered, spent + seconds
    print(f"{'all':<16} {total:>7} {found:>7} {spent:>7.2f}   {found / total:.1%}")


def _image(figure: Any, dpi: int) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight")
    return file.getvalue()


def _texts(figure: Any) -> Iterator[str]:
    """Each visible line of text, as it would be typed."""
    figure.canvas.draw()
    yield from _lines(getattr(figure, "_suptitle", None))
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts):
            yield from _lines(text)
        legend = axes.get_legend()
        for text in legend.get_texts() if legend else ():
            yield from _lines(text)
        for axis in (axes.xaxis, axes.yaxis):
            yield from _lines(axis.get_offset_text())
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    yield from _lines(tick.label1)
                    yield from _lines(tick.label2)


def _lines(text: Any) -> Iterator[str]:
    if text is None or not text.get_visible():
        return
    for line in text.get_text().split("\n"):
        plain = re.sub(r"\$\\mathdefault\{(.*?)\}\$", r"\1", line)
        plain = re.sub(r"\^\{(.*?)\}", r"^\1", plain).replace("\N{MINUS SIGN}", "-").strip()
        if plain:
            yield plain


# --- the figures ---

_X = np.linspace(0, 4, 200)


def _chance(seed: int) -> Any:
    return np.random.default_rng(seed)


def line() -> Any:
    figure, axes = plt.subplots()
    axes.plot(_X, 20 * _X - 4.9 * _X**2, label="height (m)")
    axes.plot(_X, 20 - 9.8 * _X, label="vertical speed (m/s)")
    axes.set(title="Projectile height over time", xlabel="Time since launch (s)", ylabel="Height (m)")
    axes.legend()
    return figure


def power_law() -> Any:
    figure, axes = plt.subplots()
    axes.loglog(np.logspace(0, 4), np.logspace(-3, 3))
    axes.set(title="Power law of city sizes", xlabel="Rank of the city", ylabel="Population (millions)")
    return figure


def doubling() -> Any:
    figure, axes = plt.subplots()
    axes.plot(range(1, 9), [2**i for i in range(8)], label="theory")
    axes.set_yscale("log", base=2)
    axes.set(title="Doubling of cells", xlabel="Generation", ylabel="Number of cells")
    axes.legend()
    return figure


def bars() -> Any:
    figure, axes = plt.subplots()
    bars = axes.bar(["2019", "2020", "2021", "2022"], [12.5, 7.25, 19.1, 22.8])
    axes.bar_label(bars)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set(title="Sales by year", ylabel="Sales (million EUR)")
    return figure


def slanted() -> Any:
    figure, axes = plt.subplots()
    axes.bar([f"Station {name}" for name in "ABCDEF"], [3, 5, 2, 8, 6, 1])
    plt.setp(axes.get_xticklabels(), rotation=45, ha="right")
    axes.set(title="Wind speed by station", ylabel="Wind speed (m/s)")
    return figure


def regions() -> Any:
    figure, axes = plt.subplots()
    axes.barh(["North region", "South region", "East region"], [12, 30, 22])
    axes.set(title="Revenue by region", xlabel="Revenue (million EUR)")
    return figure


def panels() -> Any:
    figure, grid = plt.subplots(2, 2, figsize=(9, 7))
    for mode, axes in enumerate(grid.flat, 1):
        axes.plot(_X, np.sin(mode * _X))
        axes.set(title=f"Mode number {mode}", xlabel="Position (m)", ylabel="Amplitude")
    figure.suptitle("Standing waves on a string")
    figure.tight_layout()
    return figure


def shared() -> Any:
    figure, column = plt.subplots(3, 1, sharex=True, figsize=(7, 7))
    for channel, axes in enumerate(column, 1):
        axes.plot(_X, np.sin(_X * channel) * 10**channel, label=f"channel {channel}")
        axes.set_ylabel("Voltage (V)")
        axes.legend(loc="upper right")
    column[0].set_title("Three channels of the probe")
    column[2].set_xlabel("Time (ms)")
    return figure


def twin() -> Any:
    figure, axes = plt.subplots()
    axes.plot(_X, _X**2)
    axes.set(title="Weather at the station", xlabel="Day of the year", ylabel="Temperature (°C)")
    axes.twinx().plot(_X, 100 - 20 * _X, "r")
    figure.axes[1].set_ylabel("Rainfall (mm)")
    return figure


def heat_map() -> Any:
    figure, axes = plt.subplots()
    image = axes.imshow(_chance(0).normal(size=(10, 10)))
    figure.colorbar(image, label="Signal strength (dB)")
    axes.set(title="Sensor grid", xlabel="Column", ylabel="Row")
    return figure


def note() -> Any:
    figure, axes = plt.subplots()
    axes.plot(_X, 20 * _X - 4.9 * _X**2)
    axes.annotate("highest point", (2.04, 20.4), (2.5, 10), arrowprops={"arrowstyle": "->"})
    axes.set(title="Flight of the ball", xlabel="Time (s)", ylabel="Height (m)")
    return figure


def dark() -> Any:
    with plt.style.context("dark_background"):
        figure, axes = plt.subplots()
        axes.plot(_X, np.cos(_X), label="cosine")
        axes.plot(_X, np.sin(_X), label="sine")
        axes.set(title="Two waves in the dark", xlabel="Angle (rad)", ylabel="Value")
        axes.legend()
    return figure


def grey() -> Any:
    with plt.style.context("ggplot"):
        figure, axes = plt.subplots()
        axes.plot(_X, np.sin(_X), label="first run")
        axes.plot(_X, np.cos(_X), label="second run")
        axes.set(title="Two runs in another style", xlabel="Time (s)", ylabel="Signal (mV)")
        axes.legend()
    return figure


def scatter() -> Any:
    figure, axes = plt.subplots()
    axes.scatter(3 * _chance(1).normal(size=200), 3 * _chance(2).normal(size=200))
    axes.set(title="Scatter of residuals", xlabel="Predicted value", ylabel="Residual")
    axes.grid()
    return figure


def dates() -> Any:
    figure, axes = plt.subplots(figsize=(8, 4))
    weeks = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(52)]
    axes.plot(weeks, _chance(3).normal(size=52).cumsum())
    axes.set(title="Share price in 2024", xlabel="Date", ylabel="Price (USD)")
    return figure


def incomes() -> Any:
    figure, axes = plt.subplots()
    axes.hist(_chance(4).normal(size=1000) * 1e6, bins=30)
    axes.set(title="Distribution of household income", xlabel="Income (EUR)", ylabel="Number of households")
    return figure


def pie() -> Any:
    figure, axes = plt.subplots()
    axes.pie([30, 45, 25], labels=["Coal", "Solar", "Wind"], autopct="%1.0f%%")
    axes.set_title("Energy mix")
    return figure


FIGURES: tuple[Callable[[], Any], ...] = (
    line,
    power_law,
    doubling,
    bars,
    slanted,
    regions,
    panels,
    shared,
    twin,
    heat_map,
    note,
    dark,
    grey,
    scatter,
    dates,
    incomes,
    pie,
)


if __name__ == "__main__":
    main()
