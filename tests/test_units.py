from decimal import Decimal

import pytest

from kanoa_mlops.units import (
    format_age,
    format_bytes,
    format_duration,
    parse_age,
    parse_bytes,
    parse_dollars,
    parse_duration,
    parse_token_price,
    parse_tokens,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("98362432 B", 98362432), ("98_362_432 B", 98362432), ("1.5 GiB", 1610612736), ("2 GB", 2 * 10**9)],
)
def test_sizes_are_read_with_their_unit(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["98362432", "12 tokens", "1.5 gib", "-1 B", "", "GiB", "1 GiB/s"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write it with its unit, as in '98362432 B'"):
        parse_bytes(text)


def test_tokens_are_read_with_their_unit() -> None:
    assert parse_tokens("8192 tokens") == 8192
    with pytest.raises(ValueError, match="'8192 B' is not a number of tokens"):
        parse_tokens("8192 B")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (512, "512 B"),
        (98362432, "93.8 MiB"),
        (1288490188, "1.20 GiB"),
        (2**40, "1.00 TiB"),
        (104857600, "100 MiB"),
    ],
)
def test_sizes_are_printed_with_three_digits(size: int, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.351, "0.35 s"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_printed_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("1 day", 86400), ("2 weeks", 1209600)]
)
def test_ages_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


def test_durations_are_read_with_their_unit() -> None:
    assert [parse_duration(text) for text in ("10 s", "500 ms", "1.5 min", "2h")] == [10, 0.5, 90, 7200]
    for text in ("10", "10 days", "-1 s", "s"):
        with pytest.raises(ValueError, match="is not a duration"):
            parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "now"), (59 * 60, "now"), (5 * 3600, "5 h"), (47 * 3600, "47 h"), (40.4 * 86400, "40 days")],
)
def test_ages_are_printed_coarsely(seconds: float, text: str) -> None:
    assert format_age(seconds) == text


def test_money_is_read_with_its_unit() -> None:
    assert parse_dollars("0.10 $") == Decimal("0.10")
    assert parse_token_price("0.15 $/Mtok") == Decimal("0.15")
    assert str(parse_token_price("0.60 $/Mtok")) == "0.60"


@pytest.mark.parametrize("text", ["0.15", "0.15 $", "$0.15/Mtok", "-1 $/Mtok", "0.15 $/tok", ""])
def test_a_price_of_tokens_without_its_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a price of tokens; write it with its unit"):
        parse_token_price(text)
