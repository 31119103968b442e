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

_LOAD_MODES = ("none", "mmap", "mlock")
_SPLIT_MODES = ("none", "layer", "row")
_CACHE_TYPES = ("f16", "q8_0", "q4_0")
_POOLINGS = ("none", "mean", "cls", "last", "rank")


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
    parser.add_argument("--load-mode", choices=_LOAD_MODES)
    parser.add_argument("--cache-type-k", choices=_CACHE_TYPES, default="f16")
    parser.add_argument("--cache-type-v", choices=_CACHE_TYPES, default="f16")
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--reranking", action="store_true")
    parser.add_argument("--pooling", choices=_POOLINGS)
    parser.add_argument("--repeat-penalty", type=float, default=1.0)
    parser.add_argument("--cache-ram", type=int, required=True, help="MiB")
    parser.add_argument("--log-verbosity", type=int, default=3)
    parser.add_argument("--no-kv-unified", dest="kv_unified", action="store_false")
    parser.add_argument("--fit", choices=("on", "off"), default="on")
    parser.add_argument("--metrics", action="store_true")
    parser.add_argument("--no-ui", dest="ui", action="store_false")
    parser.add_argument("--split-mode", choices=_SPLIT_MODES)
    parser.add_argument("--n-cpu-moe", type=int, default=0)
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
    if options.load_mode:
        parameters.load_mode = _named("llama_load_mode", f"LLAMA_LOAD_MODE_{options.load_mode.upper()}")
    if options.split_mode:
        parameters.split_mode = _named("llama_split_mode", f"LLAMA_SPLIT_MODE_{options.split_mode.upper()}")
    parameters.cache_type_k = _named("ggml_type", f"GGML_TYPE_{options.cache_type_k.upper()}")
    parameters.cache_type_v = _named("ggml_type", f"GGML_TYPE_{options.cache_type_v.upper()}")
    parameters.tensor_buft_overrides = _experts_on_processor(options.n_cpu_moe)
    # As llama-server does it: to rank is to embed with the pooling of that name.
    parameters.embedding = options.embeddings or options.reranking
    if pooling := "rank" if options.reranking else options.pooling:
        parameters.pooling_type = _named("llama_pooling_type", f"LLAMA_POOLING_TYPE_{pooling.upper()}")
    parameters.kv_unified = options.kv_unified
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.sampling.penalty_repeat = options.repeat_penalty
    parameters.cache_ram_mib = options.cache_ram
    parameters.fit_params = options.fit == "on"
    parameters.verbosity = options.log_verbosity
    parameters.endpoint_metrics = options.metrics
    parameters.ui = options.ui
    return parameters


def _experts_on_processor(layers: int) -> str:
    """What llama-server makes of --n-cpu-moe: experts of the first layers stay in the machine's memory."""
    return ",".join(rf"blk\.{layer}\.ffn_(up|down|gate_up|gate)_(ch|)exps=CPU" for layer in range(layers))


def _named(enumeration: str, name: str) -> Any:
    import xllamacpp

    return getattr(getattr(xllamacpp, enumeration), name)


def _end_with_starter() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # Native threads hold no state worth saving, and a clean shutdown may wait on a long answer.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
