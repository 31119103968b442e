"""The table of results: one row a case."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "llama_cpp.csv"


@dataclass(frozen=True)
class Row:
    """Bytes; caches, compute and output as llama.cpp prints them, to 0.01 MiB."""

    model: str
    quantization: str
    context: int
    """Of each request."""
    parallel: int
    cache_type: str
    micro_batch: int
    engine: str
    run: str
    """'real' or 'dry'; a real run was found equal to its dry run."""
    weights: int
    """Sum of the file's tensors, exact."""
    cache: int
    """Of attention to everything."""
    sliding_cache: int
    compute: int
    output: int
    projector: int
    """Sum of the projector file's tensors, exact; 0 where there is none."""
    projector_compute: int
    """Reserved for the engine's warm-up image, which is smaller than the largest for some models."""
    why_not_real: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows the same case."""
        return (self.model, self.quantization, str(self.context), str(self.parallel), self.cache_type)

    @property
    def total(self) -> int:
        """Held once the engine serves, the process itself not counted."""
        return (
            self.weights
            + self.cache
            + self.sliding_cache
            + self.compute
            + self.output
            + self.projector
            + self.projector_compute
        )


def read_rows(path: Path = RESULTS) -> list[Row]:
    """In the table's order; none where there is no table yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_row(line) for line in csv.DictReader(file)]


def write_rows(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Sorted, so that a rerun changes no line that says the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _names(), lineterminator="\n")
        writer.writeheader()
        for row in sorted(rows, key=_place):
            writer.writerow(dataclasses.asdict(row))


def _names() -> list[str]:
    return [field.name for field in dataclasses.fields(Row)]


def _row(line: dict[str, Any]) -> Row:
    numbers = {field.name for field in dataclasses.fields(Row) if field.type == "int"}
    values: dict[str, Any] = {name: int(value) if name in numbers else value for name, value in line.items()}
    return Row(**values)


def _place(row: Row) -> tuple[str, int, int, int, str]:
    return (row.model, -row.weights, row.context, row.parallel, row.cache_type)
