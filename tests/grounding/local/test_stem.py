"""The examples of Porter's paper, Program 14 (1980)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.local.stem import stem

PAPER = """
caresses caress, ponies poni, ties ti, caress caress, cats cat, feed feed, agreed agre, plastered
plaster, bled bled, motoring motor, sing sing, conflated conflat, troubled troubl, sized size, hopping
hop, tanned tan, falling fall, hissing hiss, fizzed fizz, failing fail, filing file, happy happi, sky
sky, relational relat, conditional condit, rational ration, valenci valenc, hesitanci hesit, digitizer
digit, conformabli conform, radicalli radic, differentli differ, vileli vile, analogousli analog,
vietnamization vietnam, predication predic, operator oper, feudalism feudal, decisiveness decis,
hopefulness hope, callousness callous, formaliti formal, sensitiviti sensit, sensibiliti sensibl,
triplicate triplic, formative form, formalize formal, electriciti electr, electrical electr, hopeful
hope, goodness good, revival reviv, allowance allow, inference infer, airliner airlin, gyroscopic
gyroscop, adjustable adjust, defensible defens, irritant irrit, replacement replac, adjustment adjust,
dependent depend, adoption adopt, homologou homolog, communism commun, activate activ, angulariti
angular, homologous homolog, effective effect, bowdlerize bowdler, probate probat, rate rate, cease
ceas, controll control, roll roll, generalizations gener, oscillators oscil
"""


@pytest.mark.parametrize(("word", "left"), [each.split() for each in PAPER.split(",")])
def test_the_papers_words(word: str, left: str) -> None:
    assert stem(word) == left


@pytest.mark.parametrize("word", ["", "is", "μm", "co2", "straße", "p", "Relational"])
def test_what_is_no_english_word_in_lower_case_is_left(word: str) -> None:
    assert stem(word) == word


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=30))
def test_a_stem_is_never_longer_and_never_nothing(word: str) -> None:
    assert 0 < len(stem(word)) <= len(word)
