import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Vision
from kanoa_mlops.planner.images import image_tokens, most_image_tokens


def vision(catalog: Catalog, model: str) -> Vision:
    found = catalog.models[model].vision
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gemma-3-12b-it", (1280, 960), 256),
        ("gemma-3-12b-it", (4000, 3000), 256),
        ("llava-1.5-7b", (640, 480), 576),
        ("qwen3-vl-8b-instruct", (1280, 960), 40 * 30),
        ("qwen3-vl-8b-instruct", (1655, 2340), 52 * 73),
    ],
)
def test_tokens_of_an_image(catalog: Catalog, model: str, size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(vision(catalog, model), *size) == tokens


def test_a_tiny_and_a_huge_image_keep_to_the_rule_s_bounds(catalog: Catalog) -> None:
    tower = vision(catalog, "qwen3-vl-8b-instruct")
    assert image_tokens(tower, 8, 8) >= 1
    assert image_tokens(tower, 10**5, 10**5) == most_image_tokens(tower)


def test_more_tiles_are_never_cut_than_the_model_takes(catalog: Catalog) -> None:
    tower = vision(catalog, "molmo-7b-d")
    assert image_tokens(tower, 10**4, 10**4) == most_image_tokens(tower)
    assert image_tokens(tower, 300, 300) < most_image_tokens(tower)
