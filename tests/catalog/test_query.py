import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import find_model, find_weights
from kanoa_mlops.errors import UnknownModel, UserError


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "SmolLM2", "huggingfacetb/smollm2-135m-instruct"])
def test_a_model_is_found_by_id_and_alias_in_any_case(catalog: Catalog, name: str) -> None:
    assert find_model(catalog, name).id == "smollm2-135m-instruct"


def test_an_unknown_model_gets_the_nearest_names(catalog: Catalog) -> None:
    with pytest.raises(UnknownModel) as caught:
        find_model(catalog, "smolm2")
    assert caught.value.message == "There is no model called 'smolm2' in the catalog."
    assert caught.value.hint.startswith("Did you mean smollm2")


def test_weights_are_found_by_name(catalog: Catalog) -> None:
    model = catalog.models["smollm2-135m-instruct"]
    assert find_weights(model, None) is find_weights(model, "q4_1")
    with pytest.raises(UserError, match="has no weights called 'q8_0'"):
        find_weights(model, "q8_0")
