"""The words of a figure that is still an object in a notebook: exact, where reading a picture is a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_MOST_CATEGORIES = 30
_NUMBER = re.compile(r"[\s\d.,:/%eE+\-\u2212\u00d7^{}$\\]*")
_MARKUP = re.compile(r"<[^>]+>")


def figure_words(figure: Any) -> str:
    """Titles, labels, legends, categories and notes of a figure, or the columns of a table; a line each.

    Takes a figure or axes of matplotlib, a figure of plotly, and a data frame; '' for what is none of them.
    """
    clean = (" ".join(each.split()) for each in _found(figure))
    return "\n".join(dict.fromkeys(each for each in clean if not _NUMBER.fullmatch(each)))


def _found(figure: Any) -> Iterable[str]:
    if hasattr(figure, "columns"):
        return (str(column) for column in figure.columns)
    if hasattr(figure, "layout") and hasattr(figure, "data"):
        return _of_plotly(figure.to_dict())
    if not hasattr(figure, "get_axes"):  # axes know the figure they are of
        figure = getattr(figure, "figure", None)
    return _of_matplotlib(figure) if hasattr(figure, "get_axes") else ()


def _of_matplotlib(figure: Any) -> Iterator[str]:
    if title := getattr(figure, "_suptitle", None):
        yield title.get_text()
    for axes in figure.get_axes():
        yield from (axes.get_title(loc=place) for place in ("left", "center", "right"))
        yield from (axis.get_label_text() for axis in axes._axis_map.values())
        yield from _of_legend(axes)
        for axis in axes._axis_map.values():
            labels = [label.get_text() for label in axis.get_ticklabels()]
            yield from labels[:_MOST_CATEGORIES]
        yield from (note.get_text() for note in axes.texts)
    for legend in figure.legends:
        yield from _texts(legend)


def _of_legend(axes: Any) -> Iterator[str]:
    if legend := axes.get_legend():
        yield from _texts(legend)
    # Named, and shown in no legend: the name says what is drawn all the same.
    yield from axes.get_legend_handles_labels()[1]


def _texts(legend: Any) -> Iterator[str]:
    yield legend.get_title().get_text()
    yield from (text.get_text() for text in legend.get_texts())


def _of_plotly(figure: dict[str, Any]) -> Iterator[str]:
    layout = figure.get("layout", {})
    titled = [layout, *(part for name, part in layout.items() if "axis" in name or name == "coloraxis")]
    yield from _titles(titled)
    yield from _titles([part["colorbar"] for part in titled if isinstance(part.get("colorbar"), dict)])
    for trace in figure.get("data", ()):
        yield str(trace.get("name") or "")
        yield from _categories(trace)
    yield from (_plain(note.get("text")) for note in layout.get("annotations", ()))


def _titles(parts: Iterable[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        title = part.get("title")
        yield _plain(title.get("text") if isinstance(title, dict) else title)


def _categories(trace: dict[str, Any]) -> Iterator[str]:
    for name in ("x", "y", "labels", "names"):
        values: Any = trace.get(name)
        if isinstance(values, list | tuple) or hasattr(values, "tolist"):  # of numpy
            yield from (each for each in values[:_MOST_CATEGORIES] if isinstance(each, str))


def _plain(text: object) -> str:
    """Plotly's texts hold <b> and <br>."""
    return _MARKUP.sub(" ", str(text or ""))
