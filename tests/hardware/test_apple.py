"""Apple's working set."""

from __future__ import annotations

import pytest

from kanoa_mlops.hardware.apple import Mac, find_apple, read_mac
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.memory import Memory
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import RecordedCommands

GIB, MIB = 2**30, 2**20


def limit(gigabytes: int, **values: str) -> int:
    told = {key.replace("__", "."): value for key, value in values.items()}
    return Mac(told, Memory(gigabytes * GIB, 0), ()).wired_limit


@pytest.mark.parametrize(
    ("gigabytes", "megabytes"),
    [(8, 5461), (16, 10923), (32, 21845), (36, 27648), (64, 49152), (96, 73728), (128, 98304)],
)
def test_before_macos_26_it_is_what_metal_was_seen_to_recommend(gigabytes: int, megabytes: int) -> None:
    """As llama.cpp printed it on such machines; the sources are beside the shares."""
    assert limit(gigabytes, kern__osproductversion="15.7.7") == pytest.approx(megabytes * MIB, abs=MIB)


@pytest.mark.parametrize(
    ("gigabytes", "megabytes"),
    [(16, 12124), (24, 18186), (32, 25559), (36, 28753), (48, 38338), (64, 53084), (128, 110100)],
)
def test_since_macos_26_it_is_more(gigabytes: int, megabytes: int) -> None:
    assert limit(gigabytes, kern__osproductversion="26.2") == pytest.approx(megabytes * MIB, abs=MIB)


def test_a_size_nobody_reported_takes_the_share_of_the_next_smaller() -> None:
    assert limit(96, kern__osproductversion="26.2") == int(96 * GIB * 0.81)
    assert limit(8, kern__osproductversion="26.2") == int(8 * GIB * 2 / 3)


def test_a_limit_that_was_set_holds_under_either_name_and_no_further_than_memory() -> None:
    assert limit(64, iogpu__wired_limit_mb="57344") == 56 * GIB
    assert limit(64, debug__iogpu__wired_limit="57344") == 56 * GIB
    assert limit(64, iogpu__wired_limit_mb="99999") == 64 * GIB


def test_macs_with_an_intel_processor_are_not_planned_for() -> None:
    findings = find_apple(Mac({"machdep.cpu.brand_string": "Intel(R) Core(TM) i7"}, Memory(GIB, GIB), ()))
    assert findings.accelerators == ()
    assert findings.unknown == ("the graphics of a Mac with an Intel processor: not planned for",)


def test_free_memory_that_is_not_told_is_reported_as_unknown() -> None:
    commands = RecordedCommands({"sysctl": {"output": "hw.memsize: 17179869184\n"}})
    mac = read_mac(Host("Darwin", "arm64", Root(), commands))
    assert mac.memory == Memory(16 * GIB, 0)
    assert mac.unknown == ("free memory: vm_stat is not installed",)
