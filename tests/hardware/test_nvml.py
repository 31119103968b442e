"""What is asked of NVML, and what its refusals become."""

from __future__ import annotations

import inspect
import json
import subprocess
from typing import Any

import pytest

from kanoa_mlops.hardware import nvml
from tests.hardware.recorded import RecordedNvml, pynvml

CARD: dict[str, Any] = {
    "name": "NVIDIA A100-SXM4-40GB",
    "bus_id": "00000000:07:00.0",
    "memory": {"total": "40960 MiB", "reserved": "600 MiB", "free": "40000 MiB"},
    "capability": [8, 0],
    "generation": 4,
    "width": 16,
    "most_generation": 4,
    "most_width": 16,
    "mig": [],
}
MIB = 2**20


def asked(*cards: dict[str, Any]) -> dict[str, Any]:
    said = nvml.answers(RecordedNvml({"driver": "580.95.05", "cards": cards}))
    said = json.loads(json.dumps(said))  # as the other process reads it
    assert isinstance(said, dict)
    return said


def test_all_is_told() -> None:
    assert asked(CARD) == {
        "driver": "580.95.05",
        "cards": [
            {
                "name": "NVIDIA A100-SXM4-40GB",
                "bus_id": "00000000:07:00.0",
                "memory": {"total": 40960 * MIB, "reserved": 600 * MIB, "free": 40000 * MIB},
                "capability": [8, 0],
                "generation": 4,
                "width": 16,
                "most_generation": 4,
                "most_width": 16,
                "instances": None,
                "processes": {},
                "refused": {},
            }
        ],
    }


def test_a_refusal_leaves_the_other_answers() -> None:
    (card,) = asked(CARD | {"memory": "GpuIsLost", "width": "NotSupported"})["cards"]
    assert (card["memory"], card["width"], card["name"]) == (None, None, "NVIDIA A100-SXM4-40GB")
    assert card["refused"] == {"memory": "GpuIsLost", "width": "NotSupported"}


def test_an_old_driver_does_not_tell_what_it_reserves() -> None:
    (card,) = asked(CARD | {"old": True})["cards"]
    assert card["memory"] == {"total": 40960 * MIB, "reserved": 0, "free": 40000 * MIB}


def test_processes_are_told_and_left_out_where_windows_hides_what_they_hold() -> None:
    (card,) = asked(CARD | {"processes": [(17, 512 * MIB), (18, None)]})["cards"]
    assert card["processes"] == {"17": 512 * MIB}


def test_instances_are_told_and_empty_places_left_out() -> None:
    small = {
        "name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "memory": {"total": "4864 MiB", "reserved": "0 MiB", "free": "4852 MiB"},
    }
    (card,) = asked(CARD | {"instances": [small, None]})["cards"]
    assert [each["name"] for each in card["instances"]] == ["NVIDIA A100-SXM4-40GB MIG 1g.5gb"]


@pytest.mark.parametrize("failure", ["LibraryNotFound", "LibRmVersionMismatch", "DriverNotLoaded"])
def test_a_driver_that_does_not_begin_is_told_by_name(failure: str) -> None:
    assert nvml.answers(RecordedNvml({"init": failure})) == {"failure": failure}


def test_the_command_answers_without_a_driver() -> None:
    """The real package, in the real process; no machine that runs the tests is known to have a driver."""
    done = subprocess.run(nvml.COMMAND, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) in ({"failure"}, {"driver", "cards"})


def test_the_recorded_driver_answers_only_what_the_package_can_be_asked() -> None:
    ours = {name: each for name, each in vars(RecordedNvml).items() if name.startswith("nvmlD")}
    assert ours
    for name, function in ours.items():
        theirs = inspect.signature(getattr(pynvml, name)).parameters
        assert len(inspect.signature(function).parameters) - 1 <= len(theirs), name
