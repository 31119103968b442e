"""Cards that the catalog knows."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.types import Accelerator, AcceleratorFacts, Link, LinkFacts
from kanoa_mlops.hardware.recognise import with_facts

GIB = 2**30
FACTS = AcceleratorFacts.model_validate(
    {
        "vendor": "nvidia",
        "name": "NVIDIA GeForce RTX 3060",
        "memory_nominal": "12 GiB",
        "memory_visible": "11.6 GiB",
        "bandwidth": "360 GB/s",
        "flops": "51 TFLOPS",
        "capability": "8.6",
        "source": "sheet",
    }
)
TUNNEL = LinkFacts.model_validate(
    {"kind": "usb4", "bandwidth": "2.5 GB/s", "decode_share": 0.838, "source": "sheet"}
)


def card(**values: object) -> Accelerator:
    given = {"vendor": "nvidia", "name": "NVIDIA GeForce RTX 3060", "memory_total": int(11.63 * GIB)}
    return Accelerator.model_validate({**given, "memory_available": GIB, **values})


def known(name: str) -> AcceleratorFacts | None:
    return FACTS if name == FACTS.name else None


def known_link(kind: str, generation: int | None) -> LinkFacts | None:
    return TUNNEL if (kind, generation) == ("usb4", None) else None


def test_a_card_gets_what_is_known_of_it() -> None:
    found = with_facts(card(), known, known_link, unified=False)
    assert (found.bandwidth, found.flops, found.capability) == (360e9, 51e12, "8.6")


def test_what_the_driver_said_stays() -> None:
    assert with_facts(card(capability="8.7"), known, known_link, unified=False).capability == "8.7"


@pytest.mark.parametrize(
    "other",
    [
        card(name="NVIDIA GeForce RTX 3061"),
        card(memory_total=8 * GIB),  # sold under the same name, and slower
        card(vendor="amd"),
    ],
)
def test_another_card_stays_unknown(other: Accelerator) -> None:
    assert with_facts(other, known, known_link, unified=False) == other


def test_a_chip_that_shares_memory_is_known_with_any_amount_of_it() -> None:
    assert with_facts(card(memory_total=48 * GIB), known, known_link, unified=True).bandwidth == 360e9


def test_a_tunnel_gets_what_was_measured_of_its_kind() -> None:
    link = with_facts(card(link=Link(kind="usb4")), known, known_link, unified=False).link
    assert (link.bandwidth, link.decode_share) == (2.5e9, 0.838)


def test_a_slot_keeps_the_bandwidth_that_was_read() -> None:
    slot = Link(kind="pcie", most_generation=4, most_width=16, bandwidth=31.5e9)
    assert with_facts(card(link=slot), known, known_link, unified=False).link == slot


def test_the_catalog_here_knows_the_recorded_cards() -> None:
    from kanoa_mlops.catalog.load import load_catalog
    from kanoa_mlops.catalog.query import known_accelerator

    catalog = load_catalog()
    names = (
        "NVIDIA GeForce RTX 4090, NVIDIA GeForce RTX 5080, NVIDIA GeForce RTX 3090, NVIDIA L4, NVIDIA GB10, "
        "NVIDIA H100 80GB HBM3, NVIDIA GeForce RTX 4070 Laptop GPU, AMD Instinct MI300X OAM, Apple M4 Max, "
        "AMD Radeon RX 7900 XT, NVIDIA Jetson AGX Orin Developer Kit, NVIDIA Jetson AGX Thor Developer Kit"
    )
    assert [name for name in names.split(", ") if known_accelerator(catalog, name) is None] == []
