"""NVML's answers as accelerators, where the recorded machines do not show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kanoa_mlops.hardware.command import Outcome
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.memory import Memory
from kanoa_mlops.hardware.nvidia import find_nvidia
from tests.hardware.recorded import RecordedCommands, laid_out
from tests.hardware.test_nvml import CARD

MIB = 2**20
MEMORY = Memory(64 * 2**30, 60 * 2**30)


def found(folder: Path, *cards: dict[str, Any]) -> Findings:
    driver = {"driver": "580.95.05", "cards": cards}
    host = laid_out({"files": {"/dev/nvidiactl": ""}, "nvml": driver}, folder)
    return find_nvidia(host, MEMORY)


def test_a_split_card_is_planned_for_by_its_largest_instance(tmp_path: Path) -> None:
    instances = [
        {
            "name": f"NVIDIA A100-SXM4-40GB MIG {profile}",
            "memory": {"total": f"{size} MiB", "reserved": "0 MiB", "free": f"{size - 12} MiB"},
        }
        for profile, size in (("1g.5gb", 4864), ("3g.20gb", 19968), ("2g.10gb", 9856))
    ]
    findings = found(tmp_path, CARD | {"instances": instances})
    (card,) = findings.accelerators
    assert (card.name, card.memory_total, card.memory_available, card.capability) == (
        "NVIDIA A100-SXM4-40GB MIG 3g.20gb",
        19968 * MIB,
        19956 * MIB,
        "8.0",
    )
    assert findings.unknown == (
        "NVIDIA A100-SXM4-40GB is split into 3 instances (MIG): "
        "one program sees one of them, and the largest is planned for",
    )


def test_a_card_set_to_be_split_and_not_split_yet_holds_nothing(tmp_path: Path) -> None:
    findings = found(tmp_path, CARD | {"instances": []})
    assert findings.accelerators == ()
    assert findings.unknown == (
        "NVIDIA A100-SXM4-40GB is split into 0 instances (MIG): none can be used yet",
    )


def test_a_lost_card_is_told_and_the_others_stay(tmp_path: Path) -> None:
    findings = found(tmp_path, CARD | {"memory": "GpuIsLost"}, CARD)
    assert len(findings.accelerators) == 1
    assert findings.unknown == (
        "NVIDIA A100-SXM4-40GB: its memory cannot be read; the card has fallen off the bus; reboot",
    )


def test_a_card_comes_before_the_graphics_that_shares_memory(tmp_path: Path) -> None:
    findings = found(tmp_path, CARD | {"name": "Orin (nvgpu)", "memory": "NotSupported"}, CARD)
    assert [card.name for card in findings.accelerators] == ["NVIDIA A100-SXM4-40GB"]
    assert not findings.unified


def test_what_an_old_driver_reserves_is_unknown_and_counted(tmp_path: Path) -> None:
    (card,) = found(tmp_path, CARD | {"old": True}).accelerators
    assert (card.memory_total, card.memory_available) == (40960 * MIB, 40000 * MIB)


def test_a_machine_without_signs_of_a_driver_is_not_asked(tmp_path: Path) -> None:
    host = laid_out({"nvml": {"driver": "1", "cards": [CARD]}}, tmp_path)
    assert find_nvidia(host, MEMORY) == Findings()


def test_an_answer_of_nonsense_is_reported(tmp_path: Path) -> None:
    class Nonsense(RecordedCommands):
        def run(self, argv: object, seconds: float) -> Outcome:
            return Outcome('{"cards": [{"name": 3}]}')

    root = laid_out({"files": {"/dev/nvidiactl": ""}}, tmp_path).root
    findings = find_nvidia(Host("Linux", "x86_64", root, Nonsense({})), MEMORY)
    assert findings.unknown == ("NVIDIA graphics: its driver gave an answer that makes no sense",)
