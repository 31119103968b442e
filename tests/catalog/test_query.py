import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.query import (
    find_model,
    find_platform,
    find_weights,
    known_accelerator,
    known_link,
)
from kanoa_mlops.errors import UnknownModel, UnknownPlatform, UserError

GIB = 2**30


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


@pytest.mark.parametrize(
    ("name", "platform"),
    [("rtx-4090", "rtx-4090"), ("4090", "rtx-4090"), (" L4 ", "gcp-l4"), ("Thor", "jetson-thor-128")],
)
def test_a_platform_is_found_by_id_and_alias_in_any_case(catalog: Catalog, name: str, platform: str) -> None:
    assert find_platform(catalog, name).id == platform


def test_an_unknown_platform_gets_the_nearest_names(catalog: Catalog) -> None:
    with pytest.raises(UnknownPlatform) as caught:
        find_platform(catalog, "rtx-4091")
    assert caught.value.message == "There is no platform called 'rtx-4091' in the catalog."
    assert "rtx-4090" in caught.value.hint
    assert "`kanoa-mlops platforms` lists all." in caught.value.hint


@pytest.mark.parametrize(
    ("driver", "bandwidth"),
    [
        ("NVIDIA GeForce RTX 5080", 960e9),
        ("GeForce RTX 5080", 960e9),
        ("nvidia geforce rtx 5080", 960e9),
        ("NVIDIA GeForce(TM) RTX 5080", 960e9),
        ("NVIDIA A100-PCIE-40GB", 1555e9),
        ("Radeon RX 7900 XT", 800e9),
        ("AMD Radeon(TM) RX 7900 XT", 800e9),
        ("Apple M4 Max", 546e9),
        ("NVIDIA Jetson AGX Orin Developer Kit", 204.8e9),
    ],
)
def test_a_card_is_known_by_what_drivers_call_it(catalog: Catalog, driver: str, bandwidth: float) -> None:
    facts = known_accelerator(catalog, driver)
    assert facts is not None and facts.bandwidth == bandwidth


@pytest.mark.parametrize("driver", ["NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX", "", "Apple M4 Pro"])
def test_a_card_with_a_like_name_is_not_taken_for_another(catalog: Catalog, driver: str) -> None:
    assert known_accelerator(catalog, driver) is None


def test_a_name_sold_in_two_sizes_is_told_apart_by_memory(catalog: Catalog) -> None:
    assert known_accelerator(catalog, "NVIDIA GeForce RTX 3080", 12117 * 2**20) is not None
    assert known_accelerator(catalog, "NVIDIA GeForce RTX 3080", 10002 * 2**20) is None


def test_a_mac_is_known_whatever_its_memory(catalog: Catalog) -> None:
    facts = known_accelerator(catalog, "Apple M4", 10 * GIB)
    assert facts is not None and facts.bandwidth == 120e9


def test_a_link_is_known_by_kind_and_generation(catalog: Catalog) -> None:
    slow, fast = known_link(catalog, "thunderbolt", 4), known_link(catalog, "thunderbolt", 5)
    assert slow is not None and fast is not None
    assert slow.bandwidth < fast.bandwidth
    assert known_link(catalog, "thunderbolt", 6) is None
