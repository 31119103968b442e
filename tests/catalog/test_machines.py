"""From a platform to the machine it stands for."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import SYSTEM_KEEPS, machine_of
from kanoa_mlops.errors import UserError

GIB = 2**30


def test_a_card_on_a_slot_is_all_free(catalog: Catalog) -> None:
    platform = catalog.platforms["rtx-4090"]
    assert platform.accelerator is not None
    machine = machine_of(platform)
    (card,) = machine.accelerators
    assert card.memory_available == card.memory_total == platform.accelerator.memory_visible
    assert (card.bandwidth, card.flops) == (1008e9, 165.2e12)
    assert (machine.memory_total, machine.memory_available) == (64 * GIB, 64 * GIB - SYSTEM_KEEPS)
    assert (machine.platform, machine.system, machine.unified) == ("rtx-4090", "Linux", False)
    assert str(card.link) == "PCIe 4.0 x16"


def test_two_cards_are_two(catalog: Catalog) -> None:
    first, second = machine_of(catalog.platforms["two-rtx-3090"]).accelerators
    assert first == second
    assert first.link.most_width == 8


def test_a_cable_keeps_its_price(catalog: Catalog) -> None:
    (card,) = machine_of(catalog.platforms["rtx-5080-egpu"]).accelerators
    assert str(card.link) == "Thunderbolt 5"
    assert card.link.decode_share == pytest.approx(0.852)
    assert card.link.bandwidth == 5.6e9


def test_unified_memory_is_shared_with_the_system(catalog: Catalog) -> None:
    machine = machine_of(catalog.platforms["jetson-thor-128"])
    (card,) = machine.accelerators
    assert machine.unified
    assert card.memory_total == machine.memory_total
    assert card.memory_available == machine.memory_available == machine.memory_total - SYSTEM_KEEPS
    assert "bnb4" in machine.refuses


def test_a_mac_is_bound_by_what_graphics_may_take(catalog: Catalog) -> None:
    machine = machine_of(catalog.platforms["mac-m4-max-128"])
    (card,) = machine.accelerators
    assert card.memory_available == card.memory_total == 96 * GIB < machine.memory_available


def test_a_processor_alone_has_no_card(catalog: Catalog) -> None:
    machine = machine_of(catalog.platforms["cpu-16"])
    assert machine.accelerators == ()
    assert machine.memory_available == 16 * GIB - SYSTEM_KEEPS
    assert machine.memory_bandwidth == 89.6e9


def test_every_platform_but_the_hosted_is_a_machine(catalog: Catalog) -> None:
    for platform in catalog.platforms.values():
        if platform.kind == "hosted":
            with pytest.raises(UserError, match="nothing runs here") as caught:
                machine_of(platform)
            assert "kanoa-mlops platforms" in caught.value.hint
        else:
            machine = machine_of(platform)
            assert 0 < machine.memory_available < machine.memory_total
            for card in machine.accelerators:
                assert 0 < card.memory_available <= card.memory_total
