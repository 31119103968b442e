"""The table of what was found, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bench.grounding.corpus import Corpus
from bench.grounding.scores import Score, Verdict

_WIDTH = 80
_HEAD = f"{'':<24}{'by':<12}{'nDCG@10':>10}{'recall@10':>12}{'MRR@10':>10}"


def report(
    corpora: Sequence[Corpus],
    scores: Sequence[Score],
    judged: Sequence[Verdict],
    versions: Sequence[str],
    embeddings: str,
) -> None:
    """The best of each column stands with a star."""
    for corpus in corpora:
        mine = [each for each in scores if each.corpus == corpus.name]
        print(f"{corpus.name}\n{_filled(f'{corpus.about} ({corpus.licence})')}\n{_HEAD}")
        for each in mine:
            print(_row(each, mine))
        print()
    print(_filled(f"Embeddings of all: {embeddings}."))
    print(_filled(f"Versions: {'; '.join(versions)}."), end="\n\n")
    for verdict in judged:
        said = "PASS" if verdict.passes else "FAIL"
        print(f"{said}  {verdict.asked:<58}{verdict.reached:>6.3f} >= {verdict.least:.3f}")


def as_markdown(
    corpora: Sequence[Corpus], scores: Sequence[Score], versions: Sequence[str], embeddings: str
) -> str:
    """One table of all collections; each cell is nDCG@10 / recall@10 / MRR@10, the best nDCG@10 in bold."""
    names = [corpus.name for corpus in corpora]
    lines = [
        f"| | by | {' | '.join(names)} |",
        f"| --- | --- |{' --: |' * len(names)}",
    ]
    for contestant, way in dict.fromkeys((each.contestant, each.way) for each in scores):
        found = {each.corpus: each for each in scores if (each.contestant, each.way) == (contestant, way)}
        cells = (_cell(found.get(name), scores) for name in names)
        lines.append(f"| {contestant} | {way} | {' | '.join(cells)} |")
    lines += ["", "nDCG@10 / recall@10 / MRR@10.", ""]
    lines += [f"* **{corpus.name}**: {corpus.about} ({corpus.licence})." for corpus in corpora]
    lines += ["", f"Embeddings of all: {embeddings}. Versions: {'; '.join(versions)}."]
    return "\n".join(lines)


def _cell(score: Score | None, beside: Sequence[Score]) -> str:
    if score is None:
        return ""
    quality = score.quality
    text = " / ".join(f"{value:.3f}".lstrip("0") for value in (quality.ndcg, quality.recall, quality.mrr))
    best = max(each.quality.ndcg for each in beside if each.corpus == score.corpus)
    return f"**{text}**" if quality.ndcg >= best > 0 else text


def _row(score: Score, beside: Sequence[Score]) -> str:
    cells = []
    for name, width in (("ndcg", 10), ("recall", 12), ("mrr", 10)):
        value = getattr(score.quality, name)
        best = max(getattr(each.quality, name) for each in beside)
        cells.append(f"{value:>{width - 1}.3f}{'*' if value >= best > 0 else ' '}")
    return f"{score.contestant:<24}{score.way:<12}{''.join(cells)}".rstrip()


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")
