"""How long `kanoa-mlops --help` takes, beside `python -c pass` of the same interpreter, in one run."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    program = Path(sys.executable).parent / "kanoa-mlops"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "kanoa-mlops --help": [str(program), "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, argv in commands.items():
            began = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            taken[name].append(1000 * (time.perf_counter() - began))
    bare, ours = (statistics.median(taken[name]) for name in commands)
    for name, values in taken.items():
        print(f"{name:<20} {statistics.median(values):6.0f} ms  (least {min(values):.0f})")
    allowed = 3 * bare + 100
    verdict = "kept" if ours <= allowed else "MISSED"
    print(f"{'allowed':<20} {allowed:6.0f} ms  (3 x python + 100 ms): {verdict}")


if __name__ == "__main__":
    main()
