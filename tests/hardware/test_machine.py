"""The whole probe: on machines that were recorded, on broken ones, and on the one the tests run on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from kanoa_mlops.catalog.types import Accelerator, ContainerRuntime, Link, Machine, Software
from kanoa_mlops.hardware.command import Commands, Outcome
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.machine import probe_machine
from kanoa_mlops.hardware.patience import Patience
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import MACHINES, RecordedCommands, laid_out, recorded

KB, MIB, GIB = 2**10, 2**20, 2**30
NOBODY = "127.0.0.1:1"
"""Where no Ollama listens."""


def probed(name: str, folder: Path) -> Machine:
    return probe_machine(recorded(name, folder), software=True, ollama=NOBODY)


def slot(generation: int, width: int, most_generation: int, most_width: int, bandwidth: int) -> Link:
    return Link(
        kind="pcie",
        generation=generation,
        width=width,
        most_generation=most_generation,
        most_width=most_width,
        bandwidth=bandwidth,
    )


def shared(
    name: str, capability: str | None, memory: int, available: int, vendor: str = "nvidia"
) -> Accelerator:
    return Accelerator(
        vendor=vendor,  # type: ignore[arg-type]
        name=name,
        memory_total=memory,
        memory_available=available,
        capability=capability,
        link=Link(kind="on-chip"),
    )


EXPECTED: dict[str, Callable[[], Machine]] = {
    "rtx-4090": lambda: Machine(
        title="NVIDIA GeForce RTX 4090",
        system="Linux",
        architecture="x86_64",
        cpu="13th Gen Intel(R) Core(TM) i5-13600K",
        cores=8,
        memory_total=65590036 * KB,
        memory_available=58212468 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 4090",
                memory_total=24210 * MIB,
                memory_available=24210 * MIB,
                capability="8.9",
                link=slot(1, 16, 4, 16, 31507692308),
            ),
        ),
        software=Software(
            drivers={"nvidia": "550.127.05"},
            runtimes=(ContainerRuntime(name="docker", version="27.3.1", gpu="nvidia"),),
        ),
    ),
    "two-rtx-3090": lambda: Machine(
        title="2 x NVIDIA GeForce RTX 3090",
        system="Linux",
        architecture="x86_64",
        cpu="AMD EPYC 7282 16-Core Processor",
        cores=4,
        memory_total=131822284 * KB,
        memory_available=124533248 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 3090",
                memory_total=24154 * MIB,
                memory_available=24154 * MIB,
                capability="8.6",
                link=slot(1, 16, 4, 16, 31507692308),
            ),
        )
        * 2,
        software=Software(
            drivers={"nvidia": "560.35.03"},
            runtimes=(ContainerRuntime(name="podman", version="4.9.3", gpu="cdi"),),
        ),
    ),
    "gcp-l4": lambda: Machine(
        title="NVIDIA L4",
        system="Linux",
        architecture="x86_64",
        cpu="Intel(R) Xeon(R) CPU @ 2.20GHz",
        cores=4,
        memory_total=32871508 * KB,
        memory_available=31820036 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA L4",
                memory_total=22478 * MIB,
                memory_available=22478 * MIB,
                capability="8.9",
                link=slot(1, 8, 4, 16, 31507692308),
            ),
        ),
        software=Software(drivers={"nvidia": "550.90.07"}),
    ),
    "h100": lambda: Machine(
        title="NVIDIA H100 80GB HBM3",
        system="Linux",
        architecture="x86_64",
        cpu="Intel(R) Xeon(R) Platinum 8480C",
        cores=4,
        memory_total=2113497292 * KB,
        memory_available=2095323248 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA H100 80GB HBM3",
                memory_total=81105 * MIB,
                memory_available=81105 * MIB,
                capability="9.0",
                link=slot(5, 16, 5, 16, 63015384615),
            ),
        ),
        software=Software(drivers={"nvidia": "565.57.01"}),
    ),
    "rtx-4070-laptop": lambda: Machine(
        title="NVIDIA GeForce RTX 4070 Laptop GPU",
        system="Linux",
        architecture="x86_64",
        cpu="13th Gen Intel(R) Core(TM) i9-13900H",
        cores=4,
        memory_total=32571508 * KB,
        memory_available=27820036 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 4070 Laptop GPU",
                memory_total=7948 * MIB,
                memory_available=7948 * MIB,
                capability="8.9",
                link=slot(1, 8, 4, 8, 15753846154),
            ),
        ),
        software=Software(drivers={"nvidia": "565.57.01"}),
    ),
    "rtx-4070-laptop-wsl": lambda: Machine(
        title="NVIDIA GeForce RTX 4070 Laptop GPU",
        system="Linux",
        architecture="x86_64",
        cpu="13th Gen Intel(R) Core(TM) i9-13900H",
        cores=4,
        memory_total=16285692 * KB,
        memory_available=14820036 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 4070 Laptop GPU",
                memory_total=7948 * MIB,
                memory_available=7948 * MIB,
                capability="8.9",
                link=Link(kind="unknown", generation=4, width=8, most_generation=4, most_width=8),
            ),
        ),
        software=Software(
            drivers={"nvidia": "566.36"},
            runtimes=(ContainerRuntime(name="docker", version="28.2.2", gpu="cdi"),),
            wsl=True,
        ),
    ),
    "rtx-5080-thunderbolt": lambda: Machine(
        title="NVIDIA GeForce RTX 5080",
        system="Linux",
        architecture="x86_64",
        cpu="Intel(R) Core(TM) Ultra 9 275HX",
        cores=8,
        memory_total=65234944 * KB,
        memory_available=57615360 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 5080",
                memory_total=15839 * MIB,
                memory_available=15271 * MIB,
                capability="12.0",
                link=Link(kind="thunderbolt", generation=5),
            ),
        ),
        software=Software(drivers={"nvidia": "580.95.05"}),
    ),
    "rtx-5080-usb4": lambda: Machine(
        title="NVIDIA GeForce RTX 5080",
        system="Linux",
        architecture="x86_64",
        cpu="Intel(R) Core(TM) Ultra 7 255H",
        cores=4,
        memory_total=32571508 * KB,
        memory_available=27820036 * KB,
        accelerators=(
            Accelerator(
                vendor="nvidia",
                name="NVIDIA GeForce RTX 5080",
                memory_total=15839 * MIB,
                memory_available=15271 * MIB,
                capability="12.0",
                link=Link(kind="usb4"),
            ),
        ),
        software=Software(drivers={"nvidia": "580.95.05"}),
    ),
    "mi300x": lambda: Machine(
        title="AMD Instinct MI300X OAM",
        system="Linux",
        architecture="x86_64",
        cpu="AMD EPYC 9474F 48-Core Processor",
        cores=4,
        memory_total=1584913204 * KB,
        memory_available=1565323248 * KB,
        accelerators=(
            Accelerator(
                vendor="amd",
                name="AMD Instinct MI300X OAM",
                memory_total=206141652992,
                memory_available=206141652992 - 297680896,
                capability="gfx942",
                link=slot(5, 16, 5, 16, 63015384615),
            ),
        ),
        software=Software(drivers={"amd": "6.7.0"}),
        unknown=("1 of 2 AMD cards: not handed to this container",),
    ),
    "rx-7900-xt": lambda: Machine(
        title="AMD Radeon RX 7900 XT",
        system="Linux",
        architecture="x86_64",
        cpu="AMD Ryzen 7 7700X 8-Core Processor",
        cores=8,
        memory_total=32057348 * KB,
        memory_available=27820036 * KB,
        accelerators=(
            Accelerator(
                vendor="amd",
                name="AMD Radeon RX 7900 XT",
                memory_total=21458059264,
                memory_available=21458059264 - 1091891200,
                capability="gfx1100",
                link=slot(1, 8, 3, 8, 7876923077),
            ),
        ),
        software=Software(runtimes=(ContainerRuntime(name="podman", version="5.2.2", gpu="devices"),)),
    ),
    "strix-halo": lambda: Machine(
        title="AMD Radeon 8060S Graphics",
        system="Linux",
        architecture="x86_64",
        cpu="AMD RYZEN AI MAX+ 395 w/ Radeon 8060S",
        cores=4,
        memory_total=131072000 * KB,
        memory_available=126820036 * KB,
        accelerators=(
            shared("AMD Radeon 8060S Graphics", "gfx1151", 67108864000, 67108864000 - 14188544, "amd"),
        ),
        unified=True,
    ),
    "jetson-orin-64": lambda: Machine(
        title="NVIDIA Jetson AGX Orin Developer Kit, L4T 36.4.3",
        system="Linux",
        architecture="aarch64",
        cpu="ARMv8 Processor rev 1 (v8l)",
        cores=12,
        memory_total=64349376 * KB,
        memory_available=57722372 * KB,
        accelerators=(shared("NVIDIA Jetson AGX Orin Developer Kit", "8.7", 64349376 * KB, 57722372 * KB),),
        unified=True,
        software=Software(drivers={"nvidia": "540.4.0"}),
    ),
    "jetson-thor-128": lambda: Machine(
        title="NVIDIA Jetson AGX Thor Developer Kit, L4T 38.2.0",
        system="Linux",
        architecture="aarch64",
        cpu="aarch64",
        cores=14,
        memory_total=128791460 * KB,
        memory_available=119722372 * KB,
        accelerators=(
            shared("NVIDIA Jetson AGX Thor Developer Kit", "11.0", 128791460 * KB, 119722372 * KB),
        ),
        unified=True,
        software=Software(drivers={"nvidia": "580.00"}),
    ),
    "dgx-spark": lambda: Machine(
        title="NVIDIA GB10",
        system="Linux",
        architecture="aarch64",
        cpu="aarch64",
        cores=20,
        memory_total=127600748 * KB,
        memory_available=118566368 * KB,
        accelerators=(shared("NVIDIA GB10", "12.1", 127600748 * KB, 118566368 * KB),),
        unified=True,
        software=Software(drivers={"nvidia": "580.173.02"}),
    ),
    "mac-m4-max-128": lambda: Machine(
        title="Apple M4 Max",
        system="Darwin",
        architecture="arm64",
        cpu="Apple M4 Max",
        cores=16,
        memory_total=128 * GIB,
        memory_available=6480000 * 16384,
        accelerators=(shared("Apple M4 Max", None, int(128 * GIB * 0.84), 6480000 * 16384, "apple"),),
        unified=True,
    ),
    "mac-m1-16-wired": lambda: Machine(
        title="Apple M1",
        system="Darwin",
        architecture="arm64",
        cpu="Apple M1",
        cores=8,
        memory_total=16 * GIB,
        memory_available=302000 * 16384,
        accelerators=(shared("Apple M1", None, 14000 * MIB, 302000 * 16384, "apple"),),
        unified=True,
    ),
    "mac-m4-24": lambda: Machine(
        title="Apple M4",
        system="Darwin",
        architecture="arm64",
        cpu="Apple M4",
        cores=10,
        memory_total=24 * GIB,
        memory_available=490894 * 16384,
        accelerators=(shared("Apple M4", None, 16 * GIB, 490894 * 16384, "apple"),),
        unified=True,
    ),
    "intel-arc-b580": lambda: Machine(
        system="Linux",
        architecture="x86_64",
        cpu="13th Gen Intel(R) Core(TM) i5-13400",
        cores=4,
        memory_total=32571508 * KB,
        memory_available=27820036 * KB,
        unknown=(
            "Battlemage G21 [Arc B580] (8086:e20b at 0000:03:00.0): found, and not planned for",
            "Raptor Lake-S GT1 [UHD Graphics 770] (8086:a780 at 0000:00:02.0): found, and not planned for",
        ),
    ),
    "container-cpu": lambda: Machine(
        system="Linux",
        architecture="x86_64",
        cpu="AMD EPYC 7B13",
        cores=2,
        memory_total=4 * GIB,
        memory_available=3 * GIB,
    ),
    "nested-cgroup-v1": lambda: Machine(
        system="Linux",
        architecture="x86_64",
        cpu="AMD EPYC",
        cores=1,
        memory_total=8 * GIB,
        memory_available=2 * GIB,
    ),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_machine_is_described(name: str, tmp_path: Path) -> None:
    assert probed(name, tmp_path) == EXPECTED[name]()


def test_every_recorded_machine_is_expected_to_be_something() -> None:
    assert {file.stem for file in MACHINES.glob("*.yaml")} == set(EXPECTED)


BASE: dict[str, Any] = {
    "files": {"/proc/meminfo": "MemTotal:  32571508 kB\nMemAvailable:  27820036 kB\n"},
    "cores": ["0", "1"],
}
DRIVER = {
    "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23\n",
    "/proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t NVIDIA GeForce RTX 4090\nIRQ: 208\n",
}


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("LibRmVersionMismatch", "the driver's library and kernel module are of different versions; reboot"),
        ("DriverNotLoaded", "the driver's kernel module is not loaded"),
        ("Unknown", "the driver says Unknown"),
    ],
)
def test_a_driver_that_refuses_is_told_with_the_cards_it_hides(
    failure: str, words: str, tmp_path: Path
) -> None:
    host = laid_out({**BASE, "files": {**BASE["files"], **DRIVER}, "nvml": {"init": failure}}, tmp_path)
    machine = probe_machine(host)
    assert machine.accelerators == ()
    assert machine.unknown == (f"NVIDIA GeForce RTX 4090: {words}",)
    assert machine.software.drivers == {"nvidia": "570.86.15"}


def test_a_missing_library_is_told_by_the_real_binding(tmp_path: Path) -> None:
    """No NVIDIA driver is where the tests run, so NVML's own package has to say so."""
    host = laid_out({**BASE, "files": {**BASE["files"], "/dev/nvidiactl": ""}}, tmp_path)
    machine = probe_machine(Host("Linux", "x86_64", host.root, Commands()))
    assert machine.unknown == (
        "NVIDIA graphics: libnvidia-ml.so.1 is not there; a container gets it when started with --gpus all",
    )


class Hanging(Commands):
    """Every command is a real process that never ends, and has the whole second however late it began."""

    def has(self, program: str) -> bool:
        return program in ("docker", "podman")

    def run(self, argv: object, seconds: float) -> Outcome:
        assert seconds <= 1.0, "what is left of it"
        return super().run((sys.executable, "-c", "import time; time.sleep(3600)"), 1.0)


@pytest.fixture
def leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a slow machine has the time to say in its own words what did not answer."""
    monkeypatch.setattr("kanoa_mlops.hardware.findings._GRACE_SECONDS", 60)


@pytest.mark.usefixtures("leisure")
def test_drivers_and_daemons_that_hang_cost_no_more_than_the_patience(tmp_path: Path) -> None:
    root = laid_out({**BASE, "files": {**BASE["files"], **DRIVER}}, tmp_path).root
    host = Host("Linux", "x86_64", root, Hanging(), Patience(1.0))
    machine = probe_machine(host, software=True, ollama=NOBODY)
    assert machine.unknown == ("NVIDIA GeForce RTX 4090: its driver did not answer within 1.0 s",)
    assert [(each.name, each.version, each.gpu) for each in machine.software.runtimes] == [
        ("docker", None, ""),
        ("podman", None, ""),
    ]
    assert all(each.problem == "did not answer within 1.0 s" for each in machine.software.runtimes)
    assert machine.memory_total == 32571508 * KB


@pytest.mark.usefixtures("leisure")
def test_a_mac_whose_sysctl_hangs_is_reported_in_time() -> None:
    machine = probe_machine(Host("Darwin", "arm64", Root(), Hanging(), Patience(1.0)))
    assert (machine.memory_total, machine.accelerators) == (0, ())
    assert machine.unknown == (
        "memory: sysctl did not answer within 1.0 s",
        "graphics: sysctl does not name the chip",
    )


def test_a_card_without_a_driver_is_named(tmp_path: Path) -> None:
    card = {"class": "0x030000", "vendor": "0x10de", "device": "0x2684", "driver": "nouveau"}
    machine = probe_machine(laid_out({**BASE, "pci": {"0000:00:01.0/0000:01:00.0": card}}, tmp_path))
    assert machine.unknown == (
        "NVIDIA card (10de:2684 at 0000:01:00.0): its driver is nouveau, not NVIDIA's",
    )


def test_files_that_refuse_to_be_read_are_named(tmp_path: Path) -> None:
    host = laid_out(BASE, tmp_path)
    # Not by permissions, which do not bind root: a folder where a file belongs, and a loop of links.
    (tmp_path / "proc/cpuinfo").mkdir()
    (tmp_path / "sys/bus/pci").mkdir(parents=True)
    (tmp_path / "sys/bus/pci/devices").symlink_to("devices")
    machine = probe_machine(host)
    assert (machine.cpu, machine.cores) == ("x86_64", 2)
    assert machine.unknown == (
        "/proc/cpuinfo cannot be read: Is a directory",
        "/sys/bus/pci/devices cannot be read: Too many levels of symbolic links",
    )


def test_a_machine_of_nonsense_raises_nothing(tmp_path: Path) -> None:
    nonsense = "\x00 nothing: of\n this 12 is ,,- numbers: -\n"
    files = (
        "/proc/meminfo /proc/cpuinfo /proc/self/status /proc/self/cgroup /proc/version /etc/nv_tegra_release "
        "/sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.stat "
        "/proc/driver/nvidia/version /sys/class/kfd/kfd/topology/nodes/0/properties /etc/cdi/x.yaml "
        "/sys/bus/thunderbolt/devices/domain0 /sys/bus/pci/devices/0000:01:00.0/class "
        "/proc/device-tree/compatible"
    )
    commands = {name: {"output": nonsense} for name in ("docker info", "podman info", "sysctl", "vm_stat")}
    machine = {"files": dict.fromkeys(files.split(), nonsense), "commands": commands}
    for system in ("Linux", "Darwin", "Plan 9"):
        folder = tmp_path / system
        host = laid_out({**machine, "system": system}, folder)
        found = probe_machine(host, software=True, ollama="not/an address at all")
        assert found.cores >= 1
        assert found.unknown


def test_only_one_makers_cards_are_planned_with(tmp_path: Path) -> None:
    nvidia = recorded("rtx-4090", tmp_path)
    laid_out({**_amd_card(), "cores": []}, tmp_path)
    machine = probe_machine(nvidia)
    assert [card.name for card in machine.accelerators] == ["NVIDIA GeForce RTX 4090"]
    assert machine.unknown == ("AMD gfx1100: left out, as an engine runs on one maker's cards at a time",)


def _amd_card() -> dict[str, dict[str, object]]:
    device = "/sys/devices/pci0000:00/0000:00:1c.0/0000:05:00.0"
    node = "/sys/class/kfd/kfd/topology/nodes/1"
    return {
        "files": {
            f"{node}/properties": "simd_count 168\ngfx_target_version 110000\ndrm_render_minor 128\n",
            f"{device}/mem_info_vram_total": "8573157376\n",
            f"{device}/mem_info_vram_used": "0\n",
            "/dev/kfd": "",
            "/dev/dri/renderD128": "",
        },
        "links": {"/sys/class/drm/renderD128/device": f"../../..{device.removeprefix('/sys')}"},
    }


def test_this_machine_is_described() -> None:
    machine = probe_machine(disk=Path(__file__))
    memory = psutil.virtual_memory()
    assert 1 <= machine.cores <= (psutil.cpu_count() or 1)
    assert 0 < machine.memory_available <= machine.memory_total <= memory.total
    assert machine.disk_free and machine.disk_free > 0
    assert machine.cpu
    assert machine.platform is None


def test_the_probe_that_a_plan_waits_for_is_quick() -> None:
    """Files alone; a driver that is there takes the time it takes. By what it computes, of what is 2 ms."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        probe_machine(Host(commands=RecordedCommands({})))
        taken.append(time.process_time() - began)
    assert min(taken) < 0.1


def test_commands_that_nobody_recorded_are_not_installed(tmp_path: Path) -> None:
    assert RecordedCommands({}).run(("docker", "info"), 1.0) == Outcome(problem="is not installed")
