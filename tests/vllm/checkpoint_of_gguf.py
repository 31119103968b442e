"""Makes a checkpoint as vLLM reads it out of a GGUF: `python checkpoint_of_gguf.py FILE FOLDER`.

A program for the environment of the real vLLM; the weights come out in 16 bits.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def main() -> None:
    gguf, folder = map(Path, sys.argv[1:])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        model.save_pretrained(f"{made}/whole")
        tokenizer.save_pretrained(f"{made}/whole")
        for path in Path(made, "whole").iterdir():
            path.chmod(0o644)  # a container's user is nobody here
        Path(made, "whole").replace(folder)  # at once: a folder that is there is whole


if __name__ == "__main__":
    main()
