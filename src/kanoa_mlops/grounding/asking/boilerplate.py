"""The words of a prompt that say how to answer, not what about.

They are told from the person's own by what they are made of, never by one client's sentences: a sentence
without a word beside those of the task ("interpret this figure", "be concise but technically precise") asks
for nothing that a document could be found by.
"""

from __future__ import annotations

import re

_DOING = """
analyse analyze analysing analyzing interpret interpreting describe describing explain explaining
summarise summarize summarizing discuss comment evaluate assess examine review identify highlight note
list mention provide provided giving give include write answer respond reply return produce generate
create make take use using used refer consider focus focusing help show shows showing shown see look tell
say let know think reason act please want need ensure avoid keep format follow following based attached
inform informed
"""
"""What is to be done."""
_THINGS = """
figure figures fig plot plots chart charts graph graphs image images picture pictures diagram screenshot
visualization visualisation output outputs data dataset result results table content input information
text knowledge base context question task request report document documents domain domain-specific
"""
"""With what."""
_MANNER = """
analysis analytical interpretation interpretations summary observation observations insight insights
pattern patterns trend trends anomaly anomalies outlier outliers recommendation recommendations suggestion
suggestions conclusion conclusions issue issues potential quality concern concerns finding findings
feature features detail details detailed key main notable important relevant significant interesting
technical technically accurate precise precisely concise concisely brief briefly short clear clearly
thorough comprehensive executive actionable possible critical overall general expert analyst assistant
scientist helpful professional specialist markdown bullet bullets points point heading headings sentence
sentences paragraph paragraphs formatting style language english further next step steps step-by-step
visible above below access understand understanding
"""
"""What the answer is to be like."""
_SMALL_WORDS = """
a an the this that these those it its they them their there here i me my we us our you your he she his her
and or but nor so yet if then than as at by for from in into of off on onto out over to under up with
within without about between through during is are was were be been being am do does did done have has had
having can could may might must shall should will would not no yes any all some each every both either
neither more most less least very too also just only own same such other another what which who whom whose
when where why how one two
"""
"""Those that every sentence has."""
_TASK = frozenset(f"{_DOING} {_THINGS} {_MANNER}".split())
_SMALL = frozenset(_SMALL_WORDS.split())
_WORD = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")
_EDGE = "\"'*_#>:;,.!?()[]`~ \t\u2013\u2014-"


def words_of(text: str) -> list[str]:
    return _WORD.findall(text)


def says_something(word: str) -> bool:
    """Whether a document could be found by it."""
    lower = word.lower()
    return lower not in _SMALL and lower not in _TASK and not (len(word) == 1 and word.islower())


def own_part(sentence: str) -> str:
    """The sentence without the words of the task around what it is about; '' where nothing is left.

    What stands between two words of its own stays, as sentences are found better than heaps of words.
    """
    own = [match for match in _WORD.finditer(sentence) if says_something(match[0]) or _is_name(match)]
    if not any(any(letter.isalpha() for letter in match[0]) for match in own):
        return ""
    return sentence[own[0].start() : own[-1].end()].strip(_EDGE)


def _is_name(match: re.Match[str]) -> bool:
    """May, of the year, or sensor A: a small word with a capital that does not begin the sentence."""
    word = match[0]
    return match.start() > 0 and word[0].isupper() and word != "I" and word.lower() in _SMALL
