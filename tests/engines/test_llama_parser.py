"""Every flag for llama.cpp, held against llama.cpp's own parser of the pinned version."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.engines.llamacpp import llama_launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.way import Native
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish

_PARSER = Path(__file__).with_name("llama_parser.py")
_WISHES = (Wish(engine="llama.cpp"), Wish(engine="llama.cpp", cache_bits=8, batch=256, sequences=2))


def parsed(commands: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """What the parser says of each, in their order."""
    done = subprocess.run(
        [sys.executable, _PARSER],
        input="".join(json.dumps(list(command)) + "\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=120,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == len(commands), f"the parser ended with {done.returncode}: {done.stderr[-2000:]}"
    return answers


def test_the_parser_tells_right_from_wrong() -> None:
    right, misspelled, wrong = parsed(
        [["--ctx-size", "4096"], ["--ctx-sise", "4096"], ["--cache-type-k", "q9_9"]]
    )
    assert right["accepted"] and right["n_ctx"] == 4096
    assert not misspelled["accepted"]
    assert not wrong["accepted"]


def test_every_plan_is_understood(catalog: Catalog, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    plans = list(_plans(catalog))
    assert len(plans) > 500
    answers = parsed([_command(made, key) for made in plans])
    for made, answer in zip(plans, answers, strict=True):
        assert answer["accepted"], _command(made, key)
        assert answer["n_ctx"] == made.context * made.sequences
        assert answer["n_parallel"] == made.sequences
        assert answer["n_ubatch"] == made.batch
        assert not answer["kv_unified"] and not answer["fit_params"]


def _plans(catalog: Catalog) -> list[Plan]:
    machines = [machine_of(each) for each in catalog.platforms.values() if each.host]
    found = []
    for model in catalog.models.values():
        for machine in machines:
            for wish in _WISHES:
                try:
                    made = plan(model, machine, wish, catalog)
                except DoesNotFit:
                    continue  # no GGUF is published, or llama.cpp does not know it
                if made.fits:
                    found.append(made)
    return found


def _command(made: Plan, key: Path) -> Sequence[str]:
    way = Native("llama.cpp", ("llama-server",), ("cpu",))
    files = WeightFiles(Path("/w"), ("model.gguf", "mmproj.gguf"))
    return llama_launch(made, files, Site(4711, key, Path("/s")), way).argv[1:]
