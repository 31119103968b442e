"""`kanoa mlops …` is the same program as `kanoa-mlops …`.

Imported on every `kanoa` call, whatever the command, so it must import nothing that costs.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any


def register(subparsers: Any) -> None:
    """Add `mlops` to the sub-commands of the `kanoa` program (an `argparse._SubParsersAction`)."""
    parser = subparsers.add_parser(
        "mlops",
        help="Serve models on this machine for kanoa",
        # Our own parser reads the rest, --help included: nothing may look like an option to argparse.
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("arguments", nargs="...")
    parser.set_defaults(func=_run)


def _run(parsed: Namespace) -> None:
    from kanoa_mlops.cli.main import main

    main(parsed.arguments, program="kanoa mlops")
