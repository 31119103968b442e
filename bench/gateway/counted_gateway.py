"""The gateway's own program, that also writes how many asyncio tasks it has, whenever it gets SIGUSR1.

python -m bench.gateway.counted_gateway FILE gateway --config gateway.yaml
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from kanoa_mlops.cli.main import main


def count_into(path: Path) -> None:
    def count(*_: object) -> None:
        tasks = len(asyncio.all_tasks())
        written = path.with_suffix(".new")
        written.write_text(str(tasks), encoding="utf-8")
        written.replace(path)

    signal.signal(signal.SIGUSR1, count)


if __name__ == "__main__":
    count_into(Path(sys.argv.pop(1)))
    main()
