"""Which files of a repository are a snapshot: the tensors once, and what engines read to load them. Pure."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from kanoa_mlops.weights.checkpoint_names import checkpoint_files

INDEX = "model.safetensors.index.json"
"""In which shard each tensor is."""

# Configuration, vocabulary in all its forms, processors, chat templates.
_READ = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "tokenizer*")
# The same tensors in other formats and their indexes, what a training left, adapters to other weights.
_NOT_READ = (
    *("*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.onnx", "*.gguf", "*.safetensors", "*.py", "*.md"),
    *("*.bin.index.json", "*.msgpack.index.json", "*.h5.index.json", "consolidated*", "adapter*"),
    *("trainer_state.json", "training_args*", "*_results.json"),
    "pin.json",  # ours
)
_TEMPLATES = "additional_chat_templates/"
"""Where transformers looks for more chat templates; all else that engines read is at the top."""


def snapshot_files(paths: Collection[str], indexed: Collection[str], *, code: bool) -> tuple[str, ...]:
    """By name; empty where there are no tensors.

    Args:
        indexed: the shards that the index names; empty where there is no index.
        code: with the Python files, for a model that brings its own.
    """
    tensors = indexed or checkpoint_files(paths)
    if not tensors:
        return ()
    return tuple(sorted({*tensors, *(path for path in paths if _is_read(path, code))}))


def _is_read(path: str, code: bool) -> bool:
    if code and path.endswith(".py"):
        return True
    if path.startswith(_TEMPLATES):
        return path.endswith(".jinja")
    return "/" not in path and _matches(path, _READ) and not _matches(path, _NOT_READ)


def _matches(path: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
