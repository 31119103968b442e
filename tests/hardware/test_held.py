"""What a process holds: of this machine's memory, really; of cards, as recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from kanoa_mlops.hardware.held import held
from tests.hardware.recorded import laid_out
from tests.hardware.test_nvml import CARD

MIB = 2**20
_CHILD = "import sys; kept = b'x' * 2**27; print('there', flush=True); sys.stdin.read()"
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_CHILD!r}])"


def test_what_was_started_below_it_counts_and_a_process_that_ended_has_nothing() -> None:
    with subprocess.Popen(
        (sys.executable, "-c", _PARENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        known = psutil.Process(process.pid)
        found = held(known)
        assert found is not None
        assert 128 * MIB < found.memory < 256 * MIB
        process.communicate()
    assert held(known) is None


def test_cards_count_by_the_processes_that_use_them(tmp_path: Path) -> None:
    ours = os.getpid()
    card = CARD | {"processes": [(ours, 512 * MIB), (1, MIB)]}
    other = CARD | {"processes": [(ours, 256 * MIB)]}
    nvidia = {"files": {"/dev/nvidiactl": ""}, "nvml": {"driver": "580.95.05", "cards": [card, other]}}
    found = held(psutil.Process(), laid_out(nvidia, tmp_path / "nvidia"))
    assert found is not None
    assert found.card == 768 * MIB
    folder = f"/sys/class/kfd/kfd/proc/{ours}"
    amd = {"files": {f"{folder}/vram_41": f"{3 * MIB}\n", f"{folder}/vram_42": "5\n", f"{folder}/pasid": "9"}}
    found = held(psutil.Process(), laid_out(amd, tmp_path / "amd"))
    assert found is not None
    assert found.card == 3 * MIB + 5
