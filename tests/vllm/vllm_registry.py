"""What vLLM's registry says of a class of models, as a program.

Reads the name of a class as `config.json` has it, in JSON, a line each, and answers a line each:
`{"known": true, "removed": null}`, or in `removed` the last version that knew it.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"

from vllm.model_executor.models.registry import _PREVIOUSLY_SUPPORTED_MODELS, ModelRegistry


def main() -> None:
    known = ModelRegistry.get_supported_archs()
    for line in sys.stdin:
        name = json.loads(line)
        answer = {"known": name in known, "removed": _PREVIOUSLY_SUPPORTED_MODELS.get(name)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
