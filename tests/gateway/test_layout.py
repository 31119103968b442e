"""What texts with places are found to be. Places are those OCR gave for matplotlib figures."""

from __future__ import annotations

import random

from kanoa_mlops.gateway.layout import BLANK, SEEN, Fragment, Frame, arrange, describe


def level(text: str, left: float, top: float, width: float, height: float = 12) -> Fragment:
    return Fragment(left, top, left + width, top + height, text, 0.99)


def turned(text: str, left: float, top: float, height: float) -> Fragment:
    return Fragment(left, top, left + 14, top + height, text, 0.95)


def row(ticks: list[str], top: float, first: float, step: float) -> list[Fragment]:
    """Tick labels whose centres are `step` apart."""
    return [level(tick, first + i * step - 3 * len(tick), top, 6 * len(tick)) for i, tick in enumerate(ticks)]


def column(ticks: list[str], right: float, lowest: float, step: float) -> list[Fragment]:
    return [
        level(tick, right - 6 * len(tick), lowest - i * step - 6, 6 * len(tick))
        for i, tick in enumerate(ticks)
    ]


def read(fragments: list[Fragment], *frames: Frame, width: float = 660, height: float = 425) -> str:
    return describe(arrange(fragments, width, height, frames))


PLOT = Frame(60, 30, 640, 380)
Y = column(["0", "20", "40", "60"], 50, 370, 110)
X = row(["0.0", "1.0", "2.0", "3.0"], 390, 80, 170)


def test_a_line_plot() -> None:
    texts = [
        level("Projectile height over time", 250, 8, 220),
        turned("Height (m)", 6, 160, 80),
        level("Time (s)", 320, 408, 60),
        level("measured", 120, 50, 60),
        level("fitted curve", 120, 68, 80),
        *X,
        *Y,
    ]
    assert read(texts, PLOT) == (
        f"{SEEN}\n"
        "title: Projectile height over time\n"
        "x axis: Time (s), from 0.0 to 3.0, in steps of 1\n"
        "y axis: Height (m), from 0 to 60, in steps of 20\n"
        "legend (upper left): measured; fitted curve"
    )


def test_a_note_gets_its_place_on_the_axes() -> None:
    text = read([level("peak", 235, 194, 30), *X, *Y], PLOT)
    assert "text in the plot (left, near x=1.0, y=31): peak" in text


def test_ticks_below_zero_and_signs_that_were_lost() -> None:
    below = column(["-10", "5", "0", "5", "10"], 50, 370, 80)  # the reader lost the sign of -5
    assert "y axis: from -10 to 10, in steps of 5" in read([*below, *X], PLOT)


def test_a_log_axis() -> None:
    powers = column(["10^0", "10^1", "10^2"], 50, 370, 150)
    assert "y axis: log scale from 10^0 to 10^2, ticks 10^0, 10^1, 10^2" in read([*powers, *X], PLOT)


def test_a_log_axis_of_another_base() -> None:
    powers = column(["2^0", "2^1", "2^2"], 50, 370, 150)
    assert "y axis: log scale from 2^0 to 2^2" in read([*powers, *X], PLOT)


def test_a_title_in_two_lines_is_one() -> None:
    lines = [level("Accuracy against", 290, 0, 120), level("training set size", 290, 16, 120)]
    assert "title: Accuracy against training set size\n" in read([*lines, *X, *Y], PLOT)


def test_a_legend_at_the_top_of_a_panel_is_no_label_of_the_one_above() -> None:
    upper, lower = Frame(60, 30, 640, 190), Frame(60, 200, 640, 380)
    above = column(["0", "1", "2"], 50, 180, 65)
    below = column(["0", "10", "20"], 50, 370, 75)
    text = read([*above, *below, *X, level("channel 2", 330, 206, 70)], upper, lower)
    assert "x axis: channel 2" not in text
    assert "text in the plot (upper centre, near x=1.7, y=21): channel 2" in text


def test_a_framed_legend_beside_the_plot_is_no_panel() -> None:
    plot, legend = Frame(60, 30, 500, 380), Frame(510, 150, 650, 250)
    ticks = row(["0.0", "1.0", "2.0"], 390, 80, 170)
    entries = [level("Model A", 560, 170, 60), level("Model B", 560, 190, 60)]
    text = read([*ticks, *Y, *entries], plot, legend)
    assert "panel" not in text
    assert "legend (right of the plot): Model A; Model B" in text


def test_many_notes_say_their_cell() -> None:
    cells = [level(str(17 * i), 100 + 150 * (i % 4), 60 + 90 * (i // 4), 14) for i in range(16)]
    names = ["cat", "dog", "bird", "fish"]
    across = [level(name, 95 + 150 * i, 390, 24) for i, name in enumerate(names)]
    down = [level(name, 26, 60 + 90 * i, 24) for i, name in enumerate(names)]
    assert "17 (x=dog, y=cat); 34 (x=bird, y=cat)" in read([*cells, *across, *down], PLOT)


def test_uneven_ticks_are_listed() -> None:
    text = read(
        [
            *row(["0", "1", "4"], 390, 80, 120)[:1],
            *Y,
            level("Oslo", 150, 390, 30),
            level("Rome", 400, 390, 32),
        ],
        PLOT,
    )
    assert "categories" in text
    assert "Oslo" in text and "Rome" in text


def test_ticks_between_two_panels_belong_to_the_right_one() -> None:
    left, right = Frame(42, 64, 451, 332), Frame(484, 64, 893, 332)
    texts = [
        *column(["0.0", "2.0", "4.0"], 31, 319, 121),
        *column(["0.0", "2.0", "4.0"], 474, 319, 121),
        *row(["0", "1", "2"], 345, 60, 190),
        *row(["0", "1", "2"], 345, 502, 190),
        level("North", 225, 48, 40),
        level("South", 668, 48, 40),
    ]
    text = read(texts, left, right, width=900, height=380)
    assert "right y axis" not in text
    assert text.count("y axis: from 0.0 to 4.0, in steps of 2") == 2
    assert text.index("title: North") < text.index("title: South")


def test_an_axis_on_the_right_of_a_single_panel() -> None:
    right = [level(tick, 648, 364 - i * 110, 12) for i, tick in enumerate(["0", "1", "2", "3"])]
    text = read([*X, *Y, *right], PLOT, width=700)
    assert "right y axis: from 0 to 3, in steps of 1" in text
    assert "\ny axis: from 0 to 60, in steps of 20" in text


def test_texts_without_axes_keep_their_places() -> None:
    text = read([level("Gate B12", 30, 20, 80), level("Exit", 600, 400, 40)])
    assert text == f"{SEEN}\nno axes were found\ntext (upper left): Gate B12\ntext (lower right): Exit"


def test_no_text_is_said_so() -> None:
    assert read([]) == BLANK
    assert read([level("  ", 0, 0, 5)]) == BLANK


def test_nothing_that_was_read_is_dropped_and_nothing_fails() -> None:
    chance = random.Random(0)
    words = ["alpha", "beta gamma", "v0 = 20 m/s", "North", "kg", "n.a."]
    for _ in range(300):
        fragments = [
            Fragment(left, top, left + chance.uniform(5, 200), top + chance.uniform(5, 60), text, 0.9)
            for text in [*chance.sample(words, chance.randint(1, 6)), *map(str, range(chance.randint(0, 6)))]
            for left, top in [(chance.uniform(0, 600), chance.uniform(0, 400))]
        ]
        text = read(fragments, *([PLOT] if chance.random() < 0.5 else []))
        for each in fragments:
            if each.text in words:
                assert each.text in text, (each, text)
