"""What is generated in the documents is what the program says now."""

from __future__ import annotations

from docs.api import PAGE, page
from docs.matrix import README, REFERENCE, reference
from docs.matrix import readme as readme_with_matrix
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.gateway.openapi import description
from kanoa_mlops.render.matrix import matrix


def test_the_matrix_is_not_stale(catalog: Catalog) -> None:
    platforms = list(catalog.platforms.values())
    cells = matrix(catalog, platforms)
    text = README.read_text(encoding="utf-8")
    again = "run `python -m docs.matrix`"
    assert text == readme_with_matrix(text, catalog, cells), again
    assert REFERENCE.read_text(encoding="utf-8") == reference(cells, platforms), again


def test_measured_is_said_only_of_what_the_catalog_holds_a_run_of(catalog: Catalog) -> None:
    cells = matrix(catalog, list(catalog.platforms.values()))
    measured = {(each.model, each.platform) for each in cells if each.status.startswith("measured")}
    runs = {
        (run.model, machine.platform) for machine in catalog.measurements.values() for run in machine.runs
    }
    assert measured
    assert measured <= runs


def test_the_gateways_page_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(description()), "run `python -m docs.api`"
