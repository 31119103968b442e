"""Writes docs/design/fit-accuracy.md from the rows: `python -m bench.fit.report`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.fit.cases import served
from bench.fit.others import FORMULAS, says_it_fits
from bench.fit.predict import QUANTITIES
from bench.fit.predict import predicted as predicted_row
from bench.fit.published import Published, scored
from bench.fit.table import RESULTS, Row, read_rows
from kanoa_mlops.catalog.load import Catalog, load_catalog

DOCUMENT = Path(__file__).parents[2] / "docs" / "design" / "fit-accuracy.md"
_GIB = 2**30


@dataclass(frozen=True)
class Error:
    """Of one quantity of one measured case."""

    row: Row
    quantity: str
    predicted: float
    measured: float

    @property
    def share(self) -> float:
        return self.predicted / self.measured - 1


def errors(catalog: Catalog, rows: Sequence[Row]) -> list[Error]:
    """Of everything that was measured; nothing of what a case does not have."""
    return [
        Error(row, quantity, *pair)
        for row in rows
        for quantity, pair in predicted_row(row, catalog).items()
        if pair[1]
    ]


def wrong_verdicts(catalog: Catalog) -> list[tuple[Published, bool]]:
    """Published cases on which the plan says otherwise, with what it says."""
    starts = [(row, ours) for row, ours in scored(catalog) if row.measure == "starts"]
    return [(row, bool(ours)) for row, ours in starts if ours != row.value]


def document(catalog: Catalog, rows: Sequence[Row]) -> str:
    found = errors(catalog, rows)
    return "\n".join(
        (
            *_introduction(),
            *_summary(found, rows),
            *_by_model(found),
            *_not_run(catalog, rows),
            *_verdicts(catalog),
            *_figures(catalog),
            *_constants(catalog),
            *_every_row(found),
        )
    )


def _introduction() -> Iterator[str]:
    yield "# How far off the plans are"
    yield ""
    yield "Written by `python -m bench.fit.report`; a test fails when it is stale."
    yield ""


def _summary(found: Sequence[Error], rows: Sequence[Row]) -> Iterator[str]:
    real = sum(row.run == "real" for row in rows)
    yield "## Against llama.cpp's own allocations"
    yield ""
    models = len({row.model for row in rows})
    yield (
        f"{len(rows)} cases of {models} models, {rows[0].engine} on a processor, with files whose headers "
        f"are whole and whose weights are holes. {real} were booted; the others are the engine's own dry "
        "run, which was equal to the booted one wherever both were had. The rule for the compute buffer "
        "was found by changing one dimension at a time on models made for that; its wide-image line was "
        "read off Qwen3-VL, and the bits of K-quants with odd rows off SmolLM2. The vision tower is in 16 "
        "bits, and its graph is compared at the image the engine warms up with."
    )
    yield ""
    yield from _table(["Quantity", "Cases", "Mean error", "Worst"], _quantities(found))


def _quantities(found: Sequence[Error]) -> Iterator[list[str]]:
    for quantity in QUANTITIES:
        shares = [each.share for each in found if each.quantity == quantity]
        worst = max(shares, key=abs)
        yield [quantity, str(len(shares)), f"{fmean(map(abs, shares)):.2%}", f"{worst:+.2%}"]


def _by_model(found: Sequence[Error]) -> Iterator[str]:
    worst: dict[str, dict[str, float]] = defaultdict(dict)
    for each in found:
        held = worst[each.row.model]
        held[each.quantity] = max(held.get(each.quantity, 0.0), each.share, key=abs)
    lines = [
        [model, *(f"{sizes[name]:+.2%}" if name in sizes else "" for name in QUANTITIES)]
        for model, sizes in sorted(worst.items())
    ]
    yield "### The worst of each model"
    yield ""
    yield from _table(["Model", *QUANTITIES], lines)


def _not_run(catalog: Catalog, rows: Sequence[Row]) -> Iterator[str]:
    missing = sorted({model.id for model in served(catalog)} - {row.model for row in rows})
    yield "### Not run"
    yield ""
    yield (
        f"Of the models llama.cpp serves, no case of {', '.join(missing)}: bench/fit cannot lay their "
        "tensors out yet. "
        if missing
        else "Every model that llama.cpp serves has cases. "
    ) + (
        "Cases marked *dry* were not booted, since the machine had not the memory; what their engine "
        "projects is compared. No graphics card was at hand: on one, the same graph is laid out with "
        "paddings of its own, and plans give its compute buffer a quarter to the upper side."
    )
    yield ""


def _verdicts(catalog: Catalog) -> Iterator[str]:
    rows = [(row, bool(ours)) for row, ours in scored(catalog) if row.measure == "starts"]
    yield "## Against published verdicts"
    yield ""
    yield (
        "Whether an engine came up, or for llama.cpp and Ollama whether all of it was on the card. "
        "Formulas of other tools are written anew in bench/fit/others.py from what they publish, and "
        "compare with nominal memory as those tools do. llmfit, whichllm and FitLLM are not among them: "
        "their formulas are spread over their code, and are not re-implemented here."
    )
    yield ""
    lines = [_score("this plan", [(row, ours) for row, ours in rows])]
    for name, formula in FORMULAS.items():
        lines.append(_score(name, [(row, says_it_fits(formula, row, catalog)) for row, _ in rows]))
    yield from _table(["Says", "Right", "Of", "False FIT", "False NO"], lines)
    yield from _table(
        ["Case", "Truth", "Plan", *FORMULAS, "Source"],
        [
            [
                row.case,
                _word(bool(row.value)),
                _word(ours),
                *(_word(says_it_fits(formula, row, catalog)) for formula in FORMULAS.values()),
                f"[{_host(row.source)}]({row.source})",
            ]
            for row, ours in rows
        ],
    )


def _score(name: str, said: Sequence[tuple[Published, bool]]) -> list[str]:
    right = sum(bool(row.value) == fits for row, fits in said)
    false_fit = sum(fits and not row.value for row, fits in said)
    false_no = sum(not fits and bool(row.value) for row, fits in said)
    return [name, str(right), str(len(said)), str(false_fit), str(false_no)]


def _figures(catalog: Catalog) -> Iterator[str]:
    yield "## Against published figures"
    yield ""
    yield "A row that a constant was chosen on names it under *fitted* and proves nothing about it."
    yield ""
    lines = []
    for row, ours in scored(catalog):
        if row.measure != "starts":
            error = f"{ours / row.value - 1:+.1%}"
            source = f"[{_host(row.source)}]({row.source})"
            sizes = [_size(row, row.value), _size(row, ours), error]
            lines.append([row.case, row.measure, *sizes, row.fitted, row.note, source])
    yield from _table(["Case", "What", "Published", "Plan", "Off by", "Fitted", "Note", "Source"], lines)


def _constants(catalog: Catalog) -> Iterator[str]:
    yield "## Constants"
    yield ""
    lines = []
    for engine in catalog.engines.values():
        for name, constant in engine.constants.items():
            bounds = "" if constant.low is None else f"{constant.low:g} to {constant.high:g}"
            value, fitted = f"{constant.value:g} {constant.unit}", constant.fitted_on or "none"
            lines.append([engine.id, name, value, bounds, constant.why, fitted])
    yield from _table(["Engine", "Constant", "Value", "Bounds", "What it stands for", "Fitted on"], lines)


def _every_row(found: Sequence[Error]) -> Iterator[str]:
    yield "## Every measured case"
    yield ""
    by_case: dict[Row, dict[str, Error]] = defaultdict(dict)
    for each in found:
        by_case[each.row][each.quantity] = each
    lines = []
    for row, quantities in by_case.items():
        total = quantities["total"]
        case = [row.model, row.quantization, str(row.context), str(row.parallel), row.cache_type, row.run]
        shares = [f"{quantities[name].share:+.2%}" if name in quantities else "" for name in QUANTITIES]
        lines.append([*case, f"{total.measured / _GIB:.2f}", f"{total.predicted / _GIB:.2f}", *shares])
    names = ["Model", "Weights", "Context", "Parallel", "Cache", "Run", "GiB", "Plan"]
    yield from _table([*names, *QUANTITIES], lines)


def _table(header: Sequence[str], lines: Sequence[Sequence[str]] | Iterator[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "| " + " | ".join("---" for _ in header) + " |"
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def _word(fits: bool) -> str:
    return "yes" if fits else "no"


def _host(url: str) -> str:
    return url.split("/")[2].removeprefix("www.")


def _size(row: Published, value: float) -> str:
    if row.unit in ("tokens", "tokens/s"):
        return f"{value:,.0f} {row.unit}"
    return f"{value / _GIB:.2f} GiB"


def main() -> None:
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(document(load_catalog(), read_rows(RESULTS)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
