"""llama.cpp's own parser of `llama-server`'s flags, out of the wheel, as a program.

Reads one JSON list of arguments a line and answers, a line each, with what the parser made of it:
`{"accepted": true, "n_ctx": 8192, ...}`. The parser is a C++ function that the wheel exports but does not
wrap, so it is called by its mangled name on the struct inside `CommonParams`. In a process of its own,
because a parser that changed its signature would end it.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import xllamacpp

_PARSE = "_Z19common_params_parseiPPcR13common_params13llama_examplePFviS0_E"
_SERVER = 12  # llama_example: whose flags are meant
_OBJECT_HEAD = 16  # bytes of a Python object before what it holds
_READ_BACK = (
    "n_ctx",
    "n_parallel",
    "n_batch",
    "n_ubatch",
    "n_gpu_layers",
    "port",
    "kv_unified",
    "fit_params",
)


def main() -> None:
    library = ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("*.so"))))
    parse = getattr(library, _PARSE)
    parse.restype = ctypes.c_bool
    for line in sys.stdin:
        argv = ["llama-server", *json.loads(line)]
        parameters = xllamacpp.CommonParams()
        words = (ctypes.c_char_p * (len(argv) + 1))(*(word.encode() for word in argv), None)
        accepted = parse(len(argv), words, ctypes.c_void_p(id(parameters) + _OBJECT_HEAD), _SERVER, None)
        told = {name: getattr(parameters, name) for name in _READ_BACK}
        print(json.dumps({"accepted": bool(accepted), **told}), flush=True)


if __name__ == "__main__":
    main()
