"""Ask the real llama.cpp what it allocates for every case of the grid: `python -m bench.fit.llama_cpp`.

Weights are sparse files, so nothing is downloaded but a small tokenizer. Each case is sized by the engine's
dry run first; where the sum fits the memory given here it is then booted for real, and the two must agree.
Rows already in the table are kept: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.fit.boot import Boot
from bench.fit.cases import Case, cases, formats, served
from bench.fit.projector import SHAPES, SparseProjector, measure_projector
from bench.fit.quantize import file_type
from bench.fit.sparse import write_sparse_gguf
from bench.fit.table import RESULTS, Row, read_rows, write_rows
from bench.fit.tensors import LAYOUTS
from bench.fit.tokenizer import Tokenizer, pull_tokenizer
from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.runtime.words import Words, parse
from kanoa_mlops.units import parse_bytes

_PRINTED = 2**20 // 100
"""The engine prints hundredths of a MiB."""


def main(argv: Sequence[str] | None = None) -> None:
    options = _parse(argv)
    catalog = load_catalog()
    tokenizer = pull_tokenizer(catalog)
    rows = read_rows(options.results)
    for model in served(catalog):
        if options.only not in (None, model.id):
            continue
        if not describable(model):
            print(f"{model.id}: no such file can be written yet", flush=True)
        else:
            known = {row.key for row in rows}
            for row in measure(model, known, catalog, tokenizer, options.memory):
                print(*dataclasses.astuple(row), flush=True)
                rows.append(row)
                write_rows(rows, options.results)


def describable(model: Model) -> bool:
    """Whether tensors of such a model, and of its tower, can be laid out here."""
    return model.architecture.name in LAYOUTS and (model.vision is None or model.vision.projector in SHAPES)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fit.llama_cpp", description=__doc__)
    parser.add_argument("--only", metavar="MODEL", help="one catalog id")
    parser.add_argument("--memory", type=parse_bytes, default="10 GB", help="for one real boot")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args(argv)


def measure(
    model: Model, known: set[tuple[str, ...]], catalog: Catalog, tokenizer: Tokenizer, memory: int
) -> Iterator[Row]:
    """Rows of the model's cases whose keys are not known; real ones up to `memory` bytes."""
    projector: SparseProjector | None = None
    for quantization in formats(model):
        wanted = [case for case in cases(model, quantization) if case.key not in known]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if wanted and model.vision and projector is None:
                projector = measure_projector(model, tokenizer, folder)
            path = folder / "model.gguf"
            kind = file_type(catalog.quantizations[quantization])
            weights = write_sparse_gguf(model, kind, tokenizer, path)
            for case in wanted:
                yield _row(case, path, weights, projector, memory)


def _row(case: Case, path: Path, weights: int, projector: SparseProjector | None, memory: int) -> Row:
    boot = Boot(path, case.context, case.parallel, case.cache)
    words = parse(boot.dry())
    row = Row(
        model=case.model.id,
        quantization=case.quantization,
        context=case.context,
        parallel=case.parallel,
        cache_type=case.cache,
        micro_batch=boot.micro_batch,
        engine=f"xllamacpp {version('xllamacpp')}",
        run="real",
        weights=weights,
        cache=words.cache,
        sliding_cache=words.sliding_cache,
        compute=words.compute,
        output=words.output,
        projector=projector.weights if projector else 0,
        projector_compute=projector.compute if projector else 0,
    )
    if row.total > memory:
        reason = f"{row.total / 1e9:.1f} GB; real boots were given {memory / 1e9:.0f} GB"
        return dataclasses.replace(row, run="dry", why_not_real=reason)
    _must_agree(case, words, parse(boot.real()), weights)
    return row


def _must_agree(case: Case, dry: Words, real: Words, weights: int) -> None:
    """RuntimeError where the engine does in earnest what its dry run did not say."""
    if dataclasses.replace(real, model=dry.model) != dry:
        raise RuntimeError(f"{case.key}: the dry run said {dry}, the real one {real}")
    if abs(real.model - weights) > _PRINTED:
        raise RuntimeError(f"{case.key}: {weights} bytes of tensors, but a buffer of {real.model}")


if __name__ == "__main__":
    main()
