"""The words of figures as people draw them."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib as mpl
import pytest

from kanoa_mlops.grounding.figure import figure_words

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


def lines(figure: object) -> list[str]:
    return figure_words(figure).splitlines()


def test_what_matplotlib_drew() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    figure.suptitle("Sensor drift")
    left.plot([1, 2], [3, 4], label="lab 4")
    left.plot([1, 2], [3, 4])
    left.set(xlabel="month", ylabel="drift (µm)", title="before")
    left.legend(title="room")
    left.annotate("recalibrated", (1, 3))
    right.bar(["copper", "zinc"], [1, 2])
    right.set_title("metals", loc="left")
    figure.colorbar(plt.cm.ScalarMappable(), ax=right, label="density")
    found = lines(figure)
    plt.close(figure)
    for words in (
        "Sensor drift",
        "before",
        "month",
        "drift (µm)",
        "room",
        "lab 4",
        "recalibrated",
        "copper",
        "zinc",
        "metals",
        "density",
    ):
        assert words in found
    assert len(found) == 11, "no numbers, nothing twice"
    assert lines(left) == found, "its axes stand for all of it"


def test_what_plotly_drew() -> None:
    """As plotly's `to_dict` has it (plotly 6); plotly itself is no dependency."""
    drawn = {
        "data": [{"type": "bar", "name": "lab 4", "x": ["copper", "zinc"], "y": [1, 2]}],
        "layout": {
            "title": {"text": "<b>Sensor</b><br>drift"},
            "xaxis": {"title": {"text": "metal"}},
            "yaxis": {"title": "drift"},
            "coloraxis": {"colorbar": {"title": {"text": "density"}}},
            "annotations": [{"text": "recalibrated"}],
        },
    }
    figure = SimpleNamespace(layout=1, data=2, to_dict=lambda: drawn)
    assert lines(figure) == [
        "Sensor drift",
        "metal",
        "drift",
        "density",
        "lab 4",
        "copper",
        "zinc",
        "recalibrated",
    ]


def test_the_columns_of_a_table() -> None:
    assert lines(SimpleNamespace(columns=["temperature_c", 2019, "2020", "drift"])) == [
        "temperature_c",
        "drift",
    ]


@pytest.mark.parametrize("other", [None, 3, "text", object(), [1, 2]])
def test_what_is_no_figure_says_nothing(other: object) -> None:
    assert figure_words(other) == ""
