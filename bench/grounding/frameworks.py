"""What it costs to depend on a retrieval framework or on a vector store's client: the table of the survey.

Each is installed alone into an environment of its own, without pip, kept between runs. Counted are
distributions, bytes of files without compiled copies, seconds of the import (median of some, in a new process
each, compiled before), and the most memory the process had by then, the interpreter's included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from bench.grounding.footprint import Footprint, footprint
from bench.grounding.frameworks_report import as_markdown, report
from bench.grounding.frameworks_table import FRAMEWORKS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--large", action="store_true", help="those of over 1 GB too")
    parser.add_argument("--runs", type=int, default=5, help="imports of each (default: %(default)s)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true")
    output.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    found: list[Footprint] = []
    for each in FRAMEWORKS:
        wanted = each.label in options.only if options.only else options.large or not each.large
        if wanted:
            try:
                found.append(footprint(each, options.runs))
            except subprocess.CalledProcessError as error:
                print(f"Without {each.label}: {error}", file=sys.stderr)
    if options.json:
        print(json.dumps([each.as_json() for each in found], indent=1))
    elif options.markdown:
        print(as_markdown(found))
    else:
        report(found)


if __name__ == "__main__":
    main()
