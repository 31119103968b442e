"""llama.cpp's own server out of the `xllamacpp` wheel, as a program with llama-server's flags.

A process of its own, so that a crash in native code never takes the gateway with it. It must not outlive
whoever started it, however that one died: its standard input is a pipe that the starter holds open.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SAYS_ITS_MEMORY = 4
_CACHE_TYPES = ("f16", "q8_0", "q4_0")


def main(argv: Sequence[str]) -> None:
    """Serve until the standard input closes or a signal comes."""
    options = _parse(argv)
    threading.Thread(target=_end_with_starter, daemon=True).start()
    import xllamacpp

    try:
        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), options))
    except RuntimeError:
        sys.exit("llama.cpp did not start; its lines above say why")
    print(f"listening on {server.listening_address}", flush=True)
    threading.Event().wait()


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kanoa_mlops.runtime.embedded", description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--mmproj", default="")
    parser.add_argument("--alias", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-key-file", type=Path)
    parser.add_argument("--ctx-size", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--ubatch-size", type=int, default=512)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--n-gpu-layers", type=int, default=0)
    parser.add_argument("--no-mmap", action="store_true")
    parser.add_argument("--cache-type-k", choices=_CACHE_TYPES, default="f16")
    parser.add_argument("--cache-type-v", choices=_CACHE_TYPES, default="f16")
    parser.add_argument("--repeat-penalty", type=float, default=1.0)
    parser.add_argument("--cache-ram", type=int, required=True, help="MiB")
    return parser.parse_args(argv)


def _parameters(parameters: Any, options: argparse.Namespace) -> Any:
    parameters.model.path = options.model
    parameters.mmproj.path = options.mmproj
    parameters.model_alias = {options.alias}
    parameters.hostnames = [options.host]
    parameters.port = options.port
    if options.api_key_file:
        parameters.api_keys = [options.api_key_file.read_text(encoding="utf-8").strip()]
    parameters.n_ctx = options.ctx_size
    parameters.n_parallel = options.parallel
    parameters.n_batch = options.batch_size
    parameters.n_ubatch = options.ubatch_size
    parameters.n_gpu_layers = options.n_gpu_layers
    if options.no_mmap:
        parameters.load_mode = _load_mode("NONE")
    parameters.cache_type_k = _cache_type(options.cache_type_k)
    parameters.cache_type_v = _cache_type(options.cache_type_v)
    # Each slot keeps its whole share: a request never fails because its neighbour is long.
    parameters.kv_unified = False
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.sampling.penalty_repeat = options.repeat_penalty
    parameters.cache_ram_mib = options.cache_ram
    # The plan has already decided what fits; llama.cpp must not shrink it silently.
    parameters.fit_params = False
    # Below this it does not say how much memory it set aside; above, it writes down what it is asked.
    parameters.verbosity = _SAYS_ITS_MEMORY
    parameters.endpoint_metrics = True
    parameters.ui = False
    return parameters


def _load_mode(name: str) -> Any:
    import xllamacpp

    return getattr(xllamacpp.llama_load_mode, f"LLAMA_LOAD_MODE_{name}")


def _cache_type(name: str) -> Any:
    import xllamacpp

    return getattr(xllamacpp.ggml_type, f"GGML_TYPE_{name.upper()}")


def _end_with_starter() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # Native threads hold no state worth saving, and a clean shutdown may wait on a long answer.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
