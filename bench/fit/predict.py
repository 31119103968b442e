"""What the plan says of a case that llama.cpp was measured on."""

from __future__ import annotations

from bench.fit.table import Row
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import ListedFile, Listing, Model, Weights
from kanoa_mlops.planner.cache import MICRO_BATCH
from kanoa_mlops.planner.compute import compute_bytes, projector_compute_bytes
from kanoa_mlops.planner.llama import llama_cache
from kanoa_mlops.planner.setup import Setup
from kanoa_mlops.planner.weights import language_bytes

QUANTITIES = ("weights", "cache", "compute", "projector", "total")


def predicted(row: Row, catalog: Catalog) -> dict[str, tuple[float, float]]:
    """(predicted, measured) bytes of each quantity.

    The vision tower's graph is compared at the engine's warm-up image, which is the plan's lower bound.
    """
    setup = _setup(row, catalog)
    ours = {
        "weights": language_bytes(setup.model, setup.weights, setup.quantization).expected,
        "cache": llama_cache(setup).expected,
        "compute": compute_bytes(setup).expected,
        "projector": 0.0,
    }
    if row.projector:
        assert setup.model.vision is not None
        # The files that were measured hold the tower in 16 bits, whatever the catalog's own hold.
        ours["projector"] = 2 * setup.model.vision.parameters + projector_compute_bytes(setup).low
    theirs = {
        "weights": row.weights,
        "cache": row.cache + row.sliding_cache,
        "compute": row.compute + row.output,
        "projector": row.projector + row.projector_compute,
    }
    pairs = {name: (ours[name], float(theirs[name])) for name in ours}
    return pairs | {"total": (sum(ours.values()), float(row.total))}


def _setup(row: Row, catalog: Catalog) -> Setup:
    model = catalog.models[row.model]
    return Setup(
        model=model,
        weights=_weights(model, row.quantization, with_projector=bool(row.projector)),
        quantization=catalog.quantizations[row.quantization],
        engine=catalog.engines["llama.cpp"],
        support=model.engines["llama.cpp"],
        place="cpu",
        gpus=1,
        context=row.context,
        sequences=row.parallel,
        images=int(bool(row.projector)),
        cache_type="f16" if row.cache_type == "f16" else "q8_0",
        batch=row.micro_batch or MICRO_BATCH,
    )


def _weights(model: Model, quantization: str, *, with_projector: bool) -> Weights:
    """The catalog's own, with its published sizes; else ones of which nothing is published."""
    for weights in model.weights:
        if weights.format == "gguf" and weights.quantization == quantization:
            return weights
    files = [ListedFile(path="model.gguf")]
    if with_projector:
        files.append(ListedFile(path="mmproj.gguf", role="mmproj"))
    listing = Listing(repo="no/repository", files=tuple(files))
    return Weights(name="any", format="gguf", quantization=quantization, hub=listing, source="none")
