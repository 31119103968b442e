"""Boot the real llama.cpp on a file until it has said what it allocates, and end it there.

Two ways: `Boot(...).real()` loads the model and waits until it would serve; `Boot(...).dry()` stops after the
engine's own dry run, which sizes every buffer without allocating it and so needs no memory to speak of.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CacheType = Literal["f16", "q8_0", "q4_0"]
_READY = "all slots are idle"
_PROJECTED = "projected to use"
"""Printed by llama.cpp's fitting step when its dry run has ended, before anything is loaded."""


@dataclass(frozen=True)
class Boot:
    """One configuration of the engine; context is what each of the parallel requests gets."""

    model: Path
    context: int
    parallel: int = 1
    cache: CacheType = "f16"
    micro_batch: int = 512
    mmproj: Path | None = None
    repack: bool = False
    """Copy weights into the CPU's own layout, as llama.cpp does unless told otherwise."""

    def real(self, timeout: float = 300) -> str:
        """The log from start to the first idle moment. RuntimeError with its end if it never comes."""
        return self._run(dry=False, until=_READY, timeout=timeout)

    def dry(self, timeout: float = 120) -> str:
        """The log of the dry run alone. It does not cover the vision projector."""
        return self._run(dry=True, until=_PROJECTED, timeout=timeout)

    def _run(self, dry: bool, until: str, timeout: float) -> str:
        wish = json.dumps({**dataclasses.asdict(self), "dry": dry}, default=str)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.fit.boot", wish],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
        )
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        try:
            return _read(process, until)
        finally:
            timer.cancel()
            process.kill()
            process.communicate()


def _read(process: subprocess.Popen[bytes], until: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.decode(errors="replace"))
        if until in lines[-1]:
            return "".join(lines)
    raise RuntimeError("llama.cpp ended early:\n" + "".join(lines[-20:]))


def main(argv: Sequence[str]) -> None:
    """The child: serve one configuration until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("wish", type=json.loads)
    wish = parser.parse_args(argv).wish
    import xllamacpp

    server = xllamacpp.Server(_parameters(xllamacpp, wish))
    threading.Event().wait()
    del server


def _parameters(xllamacpp: Any, wish: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = wish["model"]
    parameters.mmproj.path = wish["mmproj"] or ""
    parameters.port = 0
    parameters.n_ctx = wish["context"] * wish["parallel"]
    parameters.n_parallel = wish["parallel"]
    parameters.n_batch = parameters.n_ubatch = wish["micro_batch"]
    parameters.kv_unified = False
    kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{wish['cache'].upper()}")
    parameters.cache_type_k = parameters.cache_type_v = kind
    parameters.no_extra_bufts = not wish["repack"]
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = os.cpu_count()
    parameters.cache_ram_mib = 0
    # It also reserves the projector's compute buffer, which the first image would do otherwise.
    parameters.warmup = wish["mmproj"] is not None
    parameters.ui = False
    # llama.cpp prints buffer sizes from here on; those of its dry run only at the next level.
    parameters.verbosity = 5 if wish["dry"] else 4
    # Its fitting step is the dry run; off, it loads at once.
    parameters.fit_params = wish["dry"]
    return parameters


if __name__ == "__main__":
    main(sys.argv[1:])
