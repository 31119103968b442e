"""Numbers of an answer against what it cites."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kanoa_mlops.grounding.citing.quantities import find_quantities
from kanoa_mlops.grounding.citing.report import report
from kanoa_mlops.grounding.citing.verify import Evidence, unsupported


def missing(answer: str, *sources: str) -> list[str]:
    return [each.text for each in unsupported(answer, [Evidence(each) for each in sources])]


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("1,234.5 mm", "1234.5 mm"),
        ("1 234.5 mm", "1,234.5mm"),
        ("1'234.5 mm", "1\u202f234.5 mm"),
        ("1.2e3 V", "1200 V"),
        ("1.2 \u00d7 10^3 V", "1.2e3 V"),
        ("1.2 \u00d7 10³ V", "1200 V"),
        ("1.2 x 10^-3 V", "0.0012 V"),
        ("85 %", "85%"),
        ("85 percent", "85 %"),
        ("5 µm", "5 \u03bcm"),
        ("5µm", "5 µm"),
        ("-3 °C", "\u22123 °C"),
        ("20 degrees", "20°"),
        ("10 s^-1", "10 s⁻¹"),
        ("9.81 m/s^2", "9.81 m/s²"),
        ("5-mm gap", "gap of 5 mm"),
        ("5 hours", "5 h"),
        ("$5.20", "5.2 USD"),
        ("2.50 mV", "2.5 mV"),
        ("1,5 mm", "1.5 mm"),
        ("5 mm", "| length (mm) | 5 |"),
        ("5 of them", "5 mm"),
        ("300", "1,120,300"),  # of CSV
        ("120", "1 120 3"),  # of a table
        ("3 to 5 mm", "3\u20135 mm"),
        ("on 2026-11-22", "22 11 2026"),
    ],
)
def test_formatting_is_no_difference(answer: str, source: str) -> None:
    assert missing(answer, f"It is {source}.") == []


@pytest.mark.parametrize(
    ("answer", "source", "reported"),
    [
        ("It is 85 % high", "87 %", ["85 %"]),
        ("3.3 mV", "3.2 mV", ["3.3 mV"]),
        ("5 mm", "5 cm", ["5 mm"]),  # units are compared, not converted
        ("0.5 mm", "500 µm", ["0.5 mm"]),
        ("5 mV", "5 MV", ["5 mV"]),
        ("-3 K", "3 K", ["-3 K"]),
        ("3.14", "3.14159", ["3.14"]),  # nobody says that it is rounded
        ("12.4 s and 13 s", "12.4 s", ["13 s"]),
        ("1,235", "1,234", ["1,235"]),
        ("1e4", "1e5", ["1e4"]),
    ],
)
def test_what_is_not_there_is_reported(answer: str, source: str, reported: list[str]) -> None:
    assert missing(answer, f"It is {source}.") == reported


@pytest.mark.parametrize(
    "word", ["about", "approximately", "~", "≈", "nearly", "around", "over", "some", "ca."]
)
def test_a_rounded_number_says_so(word: str) -> None:
    assert missing(f"It is {word} 3.14 m", "3.14159 m") == []
    assert missing(f"It is {word} 120 m", "121 m") == []
    assert missing(f"It is {word} 3.24 m", "3.14159 m") == ["3.24 m"]
    assert missing(f"It is {word} 100 m", "149 m") == ["100 m"]


def test_names_and_points_of_a_list_are_no_numbers() -> None:
    said = "1. ISO9001 holds.\n2. Version v2.1 of H2O in 3D, x1, 10.0.0.1, the 2nd.\n- 3) as well"
    assert missing(said, "nothing") == []


NUMBERS = st.decimals("0.001", "99999999", places=3).map(lambda number: number.normalize())
UNITS = st.sampled_from(["", " %", "%", " mm", " mV", " kg", " °C", " m/s", " Hz"])


@given(NUMBERS, UNITS, st.integers(0, 30), st.integers(1, 9))
def test_an_altered_digit_is_always_reported(number: Decimal, unit: str, place: int, more: int) -> None:
    written = f"{number:f}"
    at = [index for index, digit in enumerate(written) if digit.isdigit()]
    chosen = at[place % len(at)]
    altered = written[:chosen] + str((int(written[chosen]) + more) % 10) + written[chosen + 1 :]
    assume(Decimal(altered) != number)
    said = f"It was {altered}{unit} [1]."
    made = report(said, [f"The value was {written}{unit} then."])
    assert made.unsupported == (f"{altered}{unit}".strip(),)
    assert made.verified == {1: False}


@given(NUMBERS, UNITS, st.integers(0, 5))
def test_formatting_is_never_reported(number: Decimal, unit: str, way: int) -> None:
    plain = f"{number:f}"
    forms = [
        plain,
        f"{number:,f}",
        f"{number:,f}".replace(",", "\u202f"),
        f"{number:E}",
        f"{plain}0" if "." in plain else plain,
    ]
    written = [*forms, f"{number:e}".replace("e+", "e")][way]
    made = report(f"It was {written}{unit} [1].", [f"The value was {plain}{unit} then."])
    assert made.unsupported == ()
    assert made.verified == {1: True}


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    for quantity in find_quantities(text):
        assert text[quantity.start : quantity.end].strip() == quantity.text
    report(text, [text], [Evidence(text)])


def test_only_cited_sentences_are_checked_against_what_they_cite() -> None:
    passages = ["The drift was 3 mV.", "The flow is 40 L."]
    answer = (
        "It ran for 99 days. Drift was 3 mV [1]. Flow was 40 L. [2] Drift was 40 L [1]. "
        "Both [1, 2]: 3 mV, 40 L."
    )
    made = report(answer, passages)
    assert made.unsupported == ("40 L",)
    assert made.verified == {1: False, 2: True}
    assert made.cited == (1, 2)


def test_a_sentence_without_numbers_is_not_called_verified() -> None:
    assert report("It drifts [1].", ["The drift was 3 mV."]).verified == {1: None}


def test_the_figure_is_a_source_too() -> None:
    assert report("It reaches 77 s [1].", ["nothing"], [Evidence("x axis: from 0 to 77 s")]).verified == {
        1: True
    }


def test_what_is_cited_and_is_not_there_is_no_source() -> None:
    made = report("It was 5 mV [9].", ["5 mV"])
    assert (made.spans, made.unknown, made.unsupported) == ((), (9,), ())
