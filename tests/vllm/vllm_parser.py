"""vLLM's own reading of its server's flags, as a program.

Reads one JSON list of arguments a line and answers, a line each: `{"accepted": true, "max_model_len": 8192,
...}` or `{"accepted": false, "why": "..."}`. Everything is asked that vLLM asks before it looks at a model:
its parser, its checks of what was parsed, and the names of the parsers for tools and thinking. What is only
looked up while a model loads, as quantisations are, is looked up here.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import sys
from typing import Any

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.entrypoints.launchers.launcher import validate_api_server_args
from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
from vllm.utils.argparse_utils import FlexibleArgumentParser

_READ_BACK = (
    "served_model_name",
    "dtype",
    "quantization",
    "kv_cache_dtype",
    "kv_cache_memory_bytes",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
    "enable_chunked_prefill",
    "runner",
    "gpu_memory_utilization",
    "tensor_parallel_size",
    "limit_mm_per_prompt",
    "override_generation_config",
    "reasoning_parser",
    "tool_call_parser",
    "enable_auto_tool_choice",
    "enforce_eager",
    "trust_remote_code",
)


def main() -> None:
    parser = make_arg_parser(FlexibleArgumentParser())
    for line in sys.stdin:
        print(json.dumps(_read(parser, json.loads(line))), flush=True)


def _read(parser: argparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            # A folder, as ours always is: a name would be looked up on the hub.
            arguments = parser.parse_args(["--model", os.curdir, *argv])
        validate_parsed_serve_args(arguments)
        # The default is one object for all, and is written to.
        arguments.structured_outputs_config = copy.deepcopy(arguments.structured_outputs_config)
        engine = AsyncEngineArgs.from_cli_args(arguments)
        # Where the server looks for the name of the thinking's parser.
        engine.create_structured_outputs_config()
        validate_api_server_args(arguments)
        if engine.quantization and engine.quantization not in QUANTIZATION_METHODS:
            raise ValueError(f"unknown quantisation {engine.quantization}")
    except SystemExit:
        return {"accepted": False, "why": said.getvalue()[-2000:]}
    except (KeyError, TypeError, ValueError) as error:
        return {"accepted": False, "why": str(error)}
    return {"accepted": True, **{name: getattr(arguments, name) for name in _READ_BACK}}


if __name__ == "__main__":
    main()
