"""Draws the README's picture: runs the demo for real and renders what it printed.

python docs/images/terminal.py    # writes docs/images/demo.svg
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
COMMAND = "kanoa-mlops demo"


def main() -> None:
    program, *arguments = COMMAND.split()
    shown = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Both streams in the order a terminal would show them.
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ).stdout
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text(shown.strip().replace(str(Path.home()), "~")))
    console.save_svg(str(HERE / "demo.svg"), title=COMMAND)


if __name__ == "__main__":
    main()
