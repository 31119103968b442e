"""What is searched for: the person's own words and the figure's, and nothing of what every prompt has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kanoa.backends.openai import OpenAIBackend
from kanoa.converters.dataframe import data_to_text
from pandas import DataFrame

from kanoa_mlops.gateway.layout.parts import Axis, Figure, Note, Panel
from kanoa_mlops.gateway.layout.text import BLANK, describe
from kanoa_mlops.grounding.asking.figure_text import figure_words, is_telling
from kanoa_mlops.grounding.asking.query import make_query
from kanoa_mlops.grounding.asking.words import own_words


def kanoas(context: str | None = None, focus: str | None = None, kb: str | None = None) -> str:
    """The prompt that kanoa makes."""
    prompt: str = OpenAIBackend(api_base="http://localhost:1/v1", api_key="x")._build_prompt(
        context, focus, kb, None
    )
    return prompt


def test_kanoas_prompt_alone_asks_for_nothing() -> None:
    assert own_words(kanoas()).own == ""


def test_what_a_person_told_kanoa_is_kept() -> None:
    prompt = kanoas("Sensor drift in lab 3", "May outliers, is it noise?")
    assert own_words(prompt).own == "Sensor drift in lab 3 May outliers, is it noise?"
    assert own_words(kanoas(focus="trends and outliers")).own == ""


def test_the_data_kanoa_sends_is_known_by_its_columns() -> None:
    table = DataFrame({"city": ["Oslo", "Rome"], "rain_mm": [760, 800]})
    words = own_words(f"Data to analyze:\n```\n{data_to_text(table)}\n```\n\n{kanoas()}")
    assert words.own == "city rain mm"
    assert "760" in words.data[0]
    as_json = data_to_text({"voltage": 3.2, "lab": "north"})
    assert own_words(f"Data to analyze:\n```\n{as_json}\n```\n\n{kanoas()}").own == "voltage lab"


@pytest.mark.parametrize(
    "boilerplate",
    [
        "Interpret this figure.",
        "What does this plot show?",
        "Describe the chart in detail.",
        "Please analyze the attached image and provide key insights.",
        "You are an expert data analyst. Be concise and precise. Use markdown.",
        "Summarize the key trends:\n- trends\n- outliers\n- recommendations",
        "Provide:\n1. **Summary**: what it shows\n2. **Potential Issues**: data quality",
        "Write a report with:\n* Executive Summary\n* Key Findings",
        "## Task\nExplain the results of the analysis step by step.",
        "",
        "???",
        "1. 2. 3.",
    ],
)
def test_boilerplate_asks_for_nothing(boilerplate: str) -> None:
    assert own_words(boilerplate).own == ""


@pytest.mark.parametrize(
    ("message", "own"),
    [
        ("Why does pressure fall after 3 s?", "pressure fall after 3"),
        ("Analyze this plot showing stock prices of Apple.", "stock prices of Apple"),
        ("Interpret this figure. It is the Old Faithful geyser.", "Old Faithful geyser"),
        ("Answer:\n1. What is the drift of sensor A?\n2. Is it noise?", "drift of sensor A noise"),
        ("**Question:** half-life of caesium-137", "half-life of caesium-137"),
        ("sensor drift in May", "sensor drift in May"),
    ],
)
def test_what_it_is_about_is_kept(message: str, own: str) -> None:
    assert own_words(message).own == own


@given(st.text(max_size=200))
def test_a_query_is_one_short_line(message: str) -> None:
    query = make_query(message, [message]).text
    assert query == " ".join(query.split())
    assert len(query.split()) <= 140


def test_a_figure_that_was_read_is_known_by_its_labels() -> None:
    panel = Panel(
        titles=("Old Faithful",),
        x=Axis("eruptions (min)", ("1.5", "2.0", "2.5")),
        y=Axis("waiting_time", ("1", "10", "1000"), is_log=True),
        legend=("group a", "group_b"),
        notes=(Note("peak", "upper left", "x=2, y=3"),),
    )
    text = describe(Figure(panels=(panel,), others=(Note("Source: Azzalini", "below"),)))
    assert (
        figure_words(text)
        == "Old Faithful eruptions (min) waiting time group a group b peak Source: Azzalini"
    )
    bars = Panel(x=Axis("species", ("setosa", "virginica"), is_category=True))
    assert figure_words(describe(Figure(panels=(bars,)))) == "species setosa virginica"
    assert figure_words(BLANK) == ""


def test_a_figure_that_was_described_likewise() -> None:
    text = (
        "Description of the figure by gemma (the figure itself was not seen):\n"
        "- Kind of figure: line chart, one panel\n- Title: Sensor drift\n- X axis: month, from 1 to 12\n"
        "- Y axis: drift (mV), linear\n- Series: sensor A, blue, rises\n- Highest value: about 3.2 at 5"
    )
    assert figure_words(text) == "Sensor drift month drift (mV) linear sensor A blue rises"


def test_free_text_of_a_client_is_taken_as_it_is() -> None:
    assert figure_words("Sensor drift | month | drift (mV)") == "Sensor drift month drift (mV)"


def test_figure_and_words_are_joined_and_a_query_of_the_clients_stands_alone() -> None:
    assert make_query("Why in May?", ["title: Sensor drift"]).text == "Sensor drift May"
    assert make_query("Why in May?", ["title: Sensor drift"], " the  limit ").text == "the limit"


@pytest.mark.parametrize(
    ("words", "enough"), [("Old Faithful eruptions", True), ("x y 5", False), ("a plot", False)]
)
def test_when_a_figure_has_to_be_described(words: str, enough: bool) -> None:
    assert is_telling(words) is enough
