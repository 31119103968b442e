"""Apple's machines, by sysctl."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kanoa_mlops.catalog.types import Accelerator, Link
from kanoa_mlops.hardware.command import Commands
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.memory import Memory

_GIB = 2**30
_KEYS = (
    "hw.memsize",
    "hw.model",
    "hw.physicalcpu",
    "kern.osproductversion",
    "machdep.cpu.brand_string",
    "iogpu.wired_limit_mb",
    "debug.iogpu.wired_limit",  # its name before macOS 14
)
_SHARES_26 = ((128, 0.84), (64, 0.81), (32, 0.78), (16, 0.74))
"""GiB of memory -> the share Metal recommends to use at most, on macOS 26 and later, as llama.cpp prints it:
12124 MiB of 16, 18186 of 24, 25559 of 32, 28753 of 36, 38338 of 48, 53084 of 64, 110100 of 128.
https://github.com/antirez/ds4/pull/893, https://github.com/search?type=code&q=recommendedMaxWorkingSetSize"""
_SHARES = ((36, 3 / 4), (0, 2 / 3))
"""Before: 5461 MiB of 8, 10923 of 16, 21845 of 32, 27648 of 36, 49152 of 64, 73728 of 96, 98304 of 128.
https://github.com/ollama/ollama/issues/434, https://github.com/ggml-org/llama.cpp/issues/3213"""


@dataclass(frozen=True)
class Mac:
    """What macOS says of the machine it runs on."""

    values: dict[str, str]
    memory: Memory
    unknown: tuple[str, ...]

    @property
    def chip(self) -> str:
        return self.values.get("machdep.cpu.brand_string", "")

    @property
    def cores(self) -> int:
        return max(1, self._number("hw.physicalcpu"))

    @property
    def wired_limit(self) -> int:
        """Bytes of memory the graphics processor may hold: as set, or what macOS does by itself."""
        if megabytes := self._number("iogpu.wired_limit_mb") or self._number("debug.iogpu.wired_limit"):
            return min(megabytes * 2**20, self.memory.total)
        total = self.memory.total
        shares = (*_SHARES_26, *_SHARES) if self._number("kern.osproductversion") >= 26 else _SHARES
        return int(total * next(share for least, share in shares if total >= least * _GIB))

    def _number(self, key: str) -> int:
        """0 where it is not told; of a version, the first number."""
        match = re.match(r"\d+", self.values.get(key, ""))
        return int(match[0]) if match else 0


def read_mac(host: Host) -> Mac:
    """Never raises; what is not told is in `unknown`."""
    # A key that this macOS does not have fails the command, and the others are answered all the same.
    told = host.commands.run(("/usr/sbin/sysctl", *_KEYS), host.patience.left)
    values = dict(line.split(": ", 1) for line in told.output.splitlines() if ": " in line)
    size = values.get("hw.memsize", "")
    if not size.isdigit():
        return Mac(values, Memory(0, 0), (f"memory: sysctl {told.problem or 'does not tell it'}",))
    available, problem = _available(host.commands, host.patience.left)
    return Mac(values, Memory(int(size), min(int(size), available)), (problem,) if problem else ())


def find_apple(mac: Mac) -> Findings:
    """The chip's graphics processor. Those in Macs with an Intel processor are not planned for."""
    if not mac.chip:
        return Findings(unknown=("graphics: sysctl does not name the chip",))
    if not mac.chip.startswith("Apple"):
        return Findings(unknown=("the graphics of a Mac with an Intel processor: not planned for",))
    limit = mac.wired_limit
    accelerator = Accelerator(
        vendor="apple",
        name=mac.chip,
        memory_total=limit,
        memory_available=min(limit, mac.memory.available),
        link=Link(kind="on-chip"),
    )
    return Findings((accelerator,), unified=True)


def _available(commands: Commands, seconds: float) -> tuple[int, str]:
    """Bytes free or quickly freed, as psutil counts them; or why they are not known."""
    told = commands.run(("/usr/bin/vm_stat",), seconds)
    size = re.search(r"page size of (\d+) bytes", told.output)
    pages = dict(re.findall(r"^Pages (free|inactive|speculative): +(\d+)\.", told.output, re.MULTILINE))
    if told.problem or size is None or not pages:
        return 0, f"free memory: vm_stat {told.problem or 'gave an answer that makes no sense'}"
    return sum(map(int, pages.values())) * int(size[1]), ""
